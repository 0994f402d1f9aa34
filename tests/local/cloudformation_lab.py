"""What the CloudFormation tests share: templates as dictionaries, stacks that clean up their own names."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "333333333333"
REGION = "ap-northeast-2"
PATIENCE_SECONDS = 60.0


class Lab:
    """Stacks in an account of the tests' own; `name` gives names that no other test uses."""

    def __init__(self, embedded: Any) -> None:
        self._embedded = embedded
        self.api = embedded.client("cloudformation", account=ACCOUNT, region=REGION)
        self.suffix = uuid.uuid4().hex[:8]

    def client(self, service: str) -> Any:
        return self._embedded.client(service, account=ACCOUNT, region=REGION)

    def name(self, word: str) -> str:
        return f"{word}-{self.suffix}"

    def create(self, stack: str, resources: dict[str, Any], **rest: Any) -> dict[str, Any]:
        """Create the stack and wait for its end, whatever that is."""
        self.api.create_stack(StackName=self.name(stack), **arguments(resources, rest))
        return self.ended(stack)

    def update(self, stack: str, resources: dict[str, Any], **rest: Any) -> dict[str, Any]:
        self.api.update_stack(StackName=self.name(stack), **arguments(resources, rest))
        return self.ended(stack)

    def delete(self, stack: str) -> None:
        self.api.delete_stack(StackName=self.name(stack))

    def ended(self, stack: str) -> dict[str, Any]:
        """The stack's description once its operation is over."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            described = dict(self.api.describe_stacks(StackName=self.name(stack))["Stacks"][0])
            if not described["StackStatus"].endswith("_IN_PROGRESS"):
                return described
            if time.monotonic() > deadline:
                pytest.fail(f"{stack} is still in {described['StackStatus']}")

    def resources(self, stack: str) -> dict[str, str]:
        """Physical ids by logical id."""
        found = self.api.list_stack_resources(StackName=self.name(stack))["StackResourceSummaries"]
        return {one["LogicalResourceId"]: one.get("PhysicalResourceId", "") for one in found}

    def events(self, stack: str) -> list[tuple[str, str]]:
        """(logical id, status), oldest first."""
        found = self.api.describe_stack_events(StackName=self.name(stack))["StackEvents"]
        return [(event["LogicalResourceId"], event["ResourceStatus"]) for event in reversed(found)]

    def failures(self, stack: str) -> list[str]:
        """What went wrong, for the message of a failing test."""
        found = self.api.describe_stack_events(StackName=self.name(stack))["StackEvents"]
        return [
            f"{event['LogicalResourceId']} {event['ResourceStatus']}: {event.get('ResourceStatusReason')}"
            for event in reversed(found)
            if "FAILED" in event["ResourceStatus"]
        ]

    def reason(self, stack: str, logical_id: str, status: str) -> str:
        """Why a resource is in this status, by the newest such event."""
        for event in self.api.describe_stack_events(StackName=self.name(stack))["StackEvents"]:
            if (event["LogicalResourceId"], event["ResourceStatus"]) == (logical_id, status):
                return str(event.get("ResourceStatusReason", ""))
        return pytest.fail(f"{logical_id} was never {status}")

    def parameter(self, name: str) -> str | None:
        """The value of an SSM parameter, None when there is none."""
        try:
            return str(self.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
        except ClientError:
            return None


def arguments(resources: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    """Call arguments: lower-case keywords become sections of the template, the others stay arguments."""
    sections = {key.title(): value for key, value in rest.items() if key.islower()}
    calls = {key: value for key, value in rest.items() if not key.islower()}
    return {"TemplateBody": json.dumps({"Resources": resources, **sections}), **calls}


def ssm(name: Any, value: Any, **entry: Any) -> dict[str, Any]:
    """An SSM parameter: the smallest resource that can be looked at."""
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Name": name, "Type": "String", "Value": value}, **entry}


def queue(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def events_may_send(queue_id: str) -> dict[str, Any]:
    """The policy with which EventBridge's rules may send to a queue of the same template."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": [queue_id, "Arn"]},
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"Type": "AWS::SQS::QueuePolicy", "Properties": {"PolicyDocument": document, "Queues": [{"Ref": queue_id}]}}


def refused(call: Any, *args: Any, **rest: Any) -> str:
    """The message with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(*args, **rest)
    return str(caught.value.response["Error"]["Message"])
