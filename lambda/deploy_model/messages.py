"""Which model a message of the queue is about: approvals name it, stack events name its stack. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from deploy_model.errors import MessageError
from deploy_model.settings import DeploySettings


@dataclass(frozen=True)
class Request:
    """The model to look at (None: not ours), and the version that someone has just approved."""

    model: str | None
    approved: str | None = None


def parse(body: str, settings: DeploySettings) -> Request:
    """Read one message; raises MessageError if it is neither kind of event."""
    try:
        event = json.loads(body)
        kind, detail = event["detail-type"], event["detail"]
        if kind == "SageMaker Model Package State Change":
            return _from_approval(detail, settings)
        if kind == "CloudFormation Stack Status Change":
            return _from_stack(detail["stack-id"], settings)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise MessageError(f"the message is not an event as expected ({error!r}): {body[:300]!r}") from error
    raise MessageError(f"events of the type {kind!r} are not for this function")


def _from_approval(detail: dict[str, Any], settings: DeploySettings) -> Request:
    model = detail["ModelPackageGroupName"]
    approved = detail["ModelPackageArn"] if detail["ModelApprovalStatus"] == "Approved" else None
    return Request(model, approved) if model in settings.stacks else Request(None)


def _from_stack(stack_id: str, settings: DeploySettings) -> Request:
    name = stack_id.split("/")[1]
    return Request(next((model for model, stack in settings.stacks.items() if stack == name), None))
