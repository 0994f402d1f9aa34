"""What a message of the queue is about: approvals name the model's group, stack events the stack, looks none. Pure.

Every change of a version sends the same kind of event, records as well: only an approval asks for another try. Who
approved is told only by an account that the approval was for: by the status, or by the stage.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy_model.errors import MessageError
from deploy_model.settings import APPROVAL, STAGE, STATUS, DeploySettings

MACHINE = re.compile(r"role/[\w+=,.@-]+-(deploy-model|smoke-test)(/|$)")
"""Whoever writes records; everybody else who touches a version is taken for a person."""
LOOK = {"look": "all"}


@dataclass(frozen=True)
class Request:
    """The model to look at (None: not ours), and the version that someone has just approved: by whom, and when.

    `let_in` is whether that is what lets versions in here; None if the event does not tell what was changed.
    """

    model: str | None
    approved: str | None = None
    by: str = ""
    at: datetime | None = None
    let_in: bool | None = None


def read(body: str, settings: DeploySettings) -> list[Request]:
    """What one message asks for: an event is about one model at most, the schedule's hourly look about each."""
    if _is_look(body):
        return [Request(model) for model in settings.stacks]
    found = parse(body, settings)
    return [found] if found.model else []


def _is_look(body: str) -> bool:
    try:
        return bool(json.loads(body) == LOOK)
    except ValueError:
        return False


def parse(body: str, settings: DeploySettings) -> Request:
    """Read an event; raises MessageError if it is neither kind."""
    try:
        event = json.loads(body)
        kind, detail = event["detail-type"], event["detail"]
        if kind == "SageMaker Model Package State Change":
            return _from_registry(event, detail, settings)
        if kind == "CloudFormation Stack Status Change":
            return _from_stack(detail["stack-id"], settings)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise MessageError(f"the message is not an event as expected ({error!r}): {body[:300]!r}") from error
    raise MessageError(f"events of the type {kind!r} are not for this function")


def toucher(version: Mapping[str, Any]) -> str:
    """Who changed a version last; empty if SageMaker does not say."""
    user = version.get("LastModifiedBy") or {}
    return str((user.get("IamIdentity") or {}).get("Arn") or user.get("UserProfileArn") or "")


def is_person(who: str) -> bool:
    return bool(who) and not MACHINE.search(who)


def _from_registry(event: dict[str, Any], detail: dict[str, Any], settings: DeploySettings) -> Request:
    model, arn, status = detail["ModelPackageGroupName"], detail["ModelPackageArn"], detail["ModelApprovalStatus"]
    if model not in settings.stacks or not arn.startswith(settings.package_arn(model, "")):
        return Request(None)
    if status != "Approved" or not _is_approval(detail, settings):
        return Request(model)
    at = datetime.fromisoformat(event["time"]) if "time" in event else None
    changed = detail.get("UpdatedModelPackageFields")
    return Request(model, arn, toucher(detail), at, settings.let_in_by in changed if changed else None)


def _is_approval(detail: dict[str, Any], settings: DeploySettings) -> bool:
    """Where a stage lets versions in, their approval asks for another try as well, but not the other way round."""
    of_stage = settings.deploys_on != APPROVAL
    if of_stage and not stage_approved(detail.get(STAGE), settings.deploys_on):
        return False
    changed = detail.get("UpdatedModelPackageFields")
    if not changed:
        return is_person(toucher(detail))
    return STATUS in changed or (of_stage and STAGE in changed)


def stage_approved(life_cycle: Mapping[str, Any] | None, stage: str) -> bool:
    found = life_cycle or {}
    return found.get("Stage") == stage and found.get("StageStatus") == "Approved"


def _from_stack(stack_id: str, settings: DeploySettings) -> Request:
    name = stack_id.split("/")[1]
    return Request(next((model for model, stack in settings.stacks.items() if stack == name), None))
