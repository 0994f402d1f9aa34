"""Creates or updates one stack and waits for it, reporting every event; a failure names the resource."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from millrace.deploy.plan import GONE, Deployed, Environment, StackStep
from millrace.deploy.progress import Progress, Report
from millrace.errors import MillraceError

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
FIRST_PAUSE, LONGEST_PAUSE = 0.03, 5.0
NO_CHANGE = "No updates are to be performed"
CANCELLED = ("Resource creation cancelled", "Resource update cancelled")


def deployed_stacks(cloudformation: Any, names: set[str]) -> dict[str, dict[str, Any]]:
    """Descriptions of the living stacks with these names."""
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    return {stack["StackName"]: stack for page in pages for stack in page["Stacks"] if stack["StackName"] in names}


def deployed_stack(cloudformation: Any, described: Mapping[str, Any]) -> Deployed:
    """One living stack with its template, for the plan."""
    body: Any = {}
    if described["StackStatus"] not in GONE:
        body = cloudformation.get_template(StackName=described["StackName"], TemplateStage="Original")["TemplateBody"]
    return Deployed(
        name=described["StackName"],
        status=described["StackStatus"],
        template=body if isinstance(body, dict) else {},
        parameters={one["ParameterKey"]: one.get("ParameterValue", "") for one in described.get("Parameters", [])},
        tags={tag["Key"]: tag["Value"] for tag in described.get("Tags", [])},
        role_arn=described.get("RoleARN"),
        termination_protection=bool(described.get("EnableTerminationProtection", False)),
    )


class StackDeployment:
    """One stack of a plan on its way."""

    def __init__(self, cloudformation: Any, step: StackStep, environment: Environment, report: Report) -> None:
        self._api = cloudformation
        self._step = step
        self._environment = environment
        self._report = report
        self._seen: set[str] = set()
        self._failures: list[dict[str, Any]] = []
        self._left: list[str] = []

    @property
    def _name(self) -> str:
        return self._step.stack.name

    def run(self) -> dict[str, str]:
        """Carry the step out; the stack's outputs."""
        if self._step.action == "unchanged":
            self._say("UNCHANGED")
            return {}
        if self._step.action == "recreate":
            self._delete()
        self._remember_past_events()
        if self._start():
            outputs = self._wait()
        else:
            self._say("UNCHANGED")
            outputs = {}
        self._protect()
        return outputs

    def _start(self) -> bool:
        """Begin the operation; False when CloudFormation finds nothing to do."""
        updating = self._step.action == "update"
        call = self._api.update_stack if updating else self._api.create_stack
        try:
            call(**self._arguments())
        except ClientError as error:
            message = error.response["Error"]["Message"]
            if updating and NO_CHANGE in message:
                return False
            raise MillraceError(f"{self._name} was refused: {message}") from error
        return True

    def _arguments(self) -> dict[str, Any]:
        stack = self._step.stack
        arguments: dict[str, Any] = {
            "StackName": stack.name,
            "Capabilities": CAPABILITIES,
            "Parameters": list(self._step.parameters),
            "Tags": [{"Key": key, "Value": value} for key, value in stack.tags.items()],
        }
        if stack.role_arn:
            arguments["RoleARN"] = self._environment.fill(stack.role_arn)
        if stack.template_url:
            bucket, key = self._environment.fill(stack.template_url).removeprefix("s3://").split("/", 1)
            arguments["TemplateURL"] = f"https://{bucket}.s3.{self._environment.region}.amazonaws.com/{key}"
        else:
            arguments["TemplateBody"] = stack.template_file.read_text()
        return arguments

    def _wait(self) -> dict[str, str]:
        pause = FIRST_PAUSE
        while True:
            described = self._api.describe_stacks(StackName=self._name)["Stacks"][0]
            self._report_events()
            status = described["StackStatus"]
            if not status.endswith("_IN_PROGRESS"):
                break
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)
        if status not in DONE:
            raise MillraceError(self._explain(status, described.get("StackStatusReason", "")))
        return {one["OutputKey"]: one["OutputValue"] for one in described.get("Outputs", [])}

    def _remember_past_events(self) -> None:
        if self._step.action == "update":
            self._seen = {event["EventId"] for event in self._events()}

    def _events(self) -> list[dict[str, Any]]:
        pages = self._api.get_paginator("describe_stack_events").paginate(StackName=self._name)
        return [event for page in pages for event in page["StackEvents"]]

    def _report_events(self) -> None:
        fresh = [event for event in self._events() if event["EventId"] not in self._seen]
        for event in reversed(fresh):
            self._seen.add(event["EventId"])
            own = event["PhysicalResourceId"] == event["StackId"]
            if event["ResourceStatus"].endswith("_FAILED") and not own:
                self._failures.append(event)
            if event["ResourceStatus"] == "DELETE_SKIPPED":
                self._left.append(self._path(event["LogicalResourceId"]))
            self._report(
                Progress(
                    "stack" if own else "resource",
                    self._name,
                    self._path(event["LogicalResourceId"]),
                    event["ResourceType"],
                    event["ResourceStatus"],
                    event.get("ResourceStatusReason"),
                    event["Timestamp"],
                )
            )

    def _path(self, logical_id: str) -> str:
        return self._step.stack.names.get(logical_id, logical_id)

    def _explain(self, status: str, reason: str) -> str:
        """What failed, why, and what state the stack is in now."""
        after = {
            "ROLLBACK_COMPLETE": f"The stack was rolled back: {self._leftovers()}.",
            "UPDATE_ROLLBACK_COMPLETE": "The stack was rolled back: it is as it was before.",
        }.get(status, f"The stack is in {status}.")
        causes = [one for one in self._failures if one.get("ResourceStatusReason") not in CANCELLED]
        if not causes:
            return f"{self._name} failed: {reason} {after}"
        first = causes[0]
        what = f"{self._path(first['LogicalResourceId'])} ({first['ResourceType']})"
        return f"{self._name}: {what} failed: {first.get('ResourceStatusReason', reason)} {after}"

    def _leftovers(self) -> str:
        if not self._left:
            return "nothing of it is left"
        return f"only what it retains is left ({', '.join(self._left)}); delete that before the next attempt"

    def _delete(self) -> None:
        """Remove what an attempt that never succeeded left behind."""
        self._api.delete_stack(StackName=self._name)
        pause = FIRST_PAUSE
        while described := deployed_stacks(self._api, {self._name}).get(self._name):
            if described["StackStatus"] == "DELETE_FAILED":
                raise MillraceError(
                    f"{self._name} is left over from an attempt that failed and cannot be deleted: "
                    f"{described.get('StackStatusReason', '')}"
                )
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def _protect(self) -> None:
        wanted = self._step.stack.termination_protection
        described = self._api.describe_stacks(StackName=self._name)["Stacks"][0]
        if bool(described.get("EnableTerminationProtection", False)) != wanted:
            self._api.update_termination_protection(StackName=self._name, EnableTerminationProtection=wanted)

    def _say(self, status: str) -> None:
        self._report(Progress("stack", self._name, self._step.stack.path, "AWS::CloudFormation::Stack", status))
