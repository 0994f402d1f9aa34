"""A model's serving stack: what CloudFormation says of it, and its update. Used by `deploy.py`."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from shared.grants import Sides, denied, missing_grant

from deploy_model.errors import GrantError
from deploy_model.plan import Plan, Rollback, Stack

PACKAGE, DIGEST = "ModelPackageArn", "ModelDigest"
NONE = "none"
RESOURCE_TYPES = [
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::SageMaker::Model",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::Endpoint",
    "AWS::CloudWatch::Alarm",
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServingStack:
    """One stack; `sides` are needed to explain denials."""

    cloudformation: Any
    name: str
    update_role_arn: str
    sides: Sides

    def read(self) -> Stack | None:
        description = self._describe()
        if description is None:
            return None
        status, parameters = description["StackStatus"], _parameters(description)
        return Stack(
            status=status,
            version=parameters.get(PACKAGE, ""),
            changed=description.get("LastUpdatedTime", description["CreationTime"]),
            pinned=parameters.get(DIGEST) != NONE,
            rollback=self._rollback(description) if status == "UPDATE_ROLLBACK_COMPLETE" else None,
        )

    def update(self, decided: Plan, digest: str) -> None:
        """Start the update; CloudFormation answers the same token only once."""
        held = _parameters(self._describe() or {})
        given = {key: value for key, value in ((PACKAGE, decided.version), (DIGEST, digest)) if key in held}
        try:
            self.cloudformation.update_stack(
                StackName=self.name,
                UsePreviousTemplate=True,
                RoleARN=self.update_role_arn,
                ResourceTypes=RESOURCE_TYPES,
                ClientRequestToken=decided.token,
                Parameters=[
                    *({"ParameterKey": key, "ParameterValue": value} for key, value in given.items()),
                    *({"ParameterKey": key, "UsePreviousValue": True} for key in held if key not in given),
                ],
            )
        except ClientError as error:
            self._explain(error)

    def _explain(self, error: ClientError) -> None:
        message = _message(error)
        if "No updates are to be performed" in message:
            log.info("%s already is as wanted", self.name)
        elif "_IN_PROGRESS state" in message:
            log.info("%s is being updated by someone else; its end will be announced", self.name)
        elif denied(message):
            action = f"cloudformation:{error.operation_name}"
            raise GrantError(missing_grant(message, self.sides, action=action, on=self.name)) from error
        else:
            raise error

    def _describe(self) -> dict[str, Any] | None:
        try:
            return dict(self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0])
        except ClientError as error:
            if "does not exist" in _message(error):
                return None
            raise

    def _rollback(self, description: Mapping[str, Any]) -> Rollback | None:
        """What the events of the newest update tell: the newest of the stack itself has the token and the end."""
        events = list(self._newest_operation(description["StackId"]))
        if not events:
            return None
        last = next(event for event in events if event["PhysicalResourceId"] == description["StackId"])
        failed = [event for event in events if _is_cause(event)]
        first = failed[-1] if failed else {}
        reason = first.get("ResourceStatusReason", "")
        return Rollback(
            token=last.get("ClientRequestToken", ""),
            at=last["Timestamp"],
            kind=first.get("ResourceType", ""),
            reason=f"{first['LogicalResourceId']}: {reason}" if first else "",
            advice=missing_grant(reason, self.sides) if denied(reason) else "",
        )

    def _newest_operation(self, stack_id: str) -> Iterator[dict[str, Any]]:
        """The events of the newest update, the newest first."""
        pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
        for page in pages:
            for event in page["StackEvents"]:
                yield event
                if event["PhysicalResourceId"] == stack_id and event["ResourceStatus"] == "UPDATE_IN_PROGRESS":
                    return


def _is_cause(event: Mapping[str, Any]) -> bool:
    """Whether a resource failed of its own; others are cancelled with it."""
    cancelled = "cancelled" in event.get("ResourceStatusReason", "cancelled")
    return event["ResourceStatus"].endswith("_FAILED") and not cancelled


def _parameters(description: Mapping[str, Any]) -> dict[str, str]:
    return {entry["ParameterKey"]: entry["ParameterValue"] for entry in description.get("Parameters", ())}


def _message(error: ClientError) -> str:
    return str(error.response["Error"].get("Message", ""))
