"""CloudFormation acts as the stack's role, or else with the rights of whoever asks: never with more."""

from __future__ import annotations

import json
import uuid
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.iam_lab import EVERYTHING, allow, deny, make_role, permit
from tests.sagemaker_lab import REGION, until

ACCOUNT = "111111111111"


class Stacks:
    """A user with the rights given, and stacks with one queue that the user makes."""

    def __init__(self, embedded: Any) -> None:
        self.embedded, self.name = embedded, f"stack-{uuid.uuid4().hex[:8]}"
        self.iam = embedded.client("iam")

    def user(self, *statements: dict[str, Any]) -> Any:
        """CloudFormation for a session that may do this."""
        name = f"{self.name}-user-{uuid.uuid4().hex[:4]}"
        trusted = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)["Role"]["Arn"]
        permit(self.iam, name, *statements)
        keys = self._session(arn)
        return boto3.client(
            "cloudformation",
            endpoint_url=self.embedded.url,
            region_name=REGION,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )

    def _session(self, role: str) -> dict[str, str]:
        name = f"{self.name}-{uuid.uuid4().hex[:4]}"
        self.iam.create_user(UserName=name)
        permission = json.dumps({"Version": "2012-10-17", "Statement": [allow("sts:AssumeRole", on=role)]})
        self.iam.put_user_policy(UserName=name, PolicyName="assume", PolicyDocument=permission)
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        sts = boto3.client(
            "sts",
            endpoint_url=self.embedded.url,
            region_name=REGION,
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )
        return dict(sts.assume_role(RoleArn=role, RoleSessionName="deploys")["Credentials"])

    def role(self, *but: str, service: str = "cloudformation.amazonaws.com") -> str:
        name = f"{self.name}-role-{uuid.uuid4().hex[:4]}"
        return make_role(self.iam, name, service, may=[EVERYTHING, *([deny(*but)] if but else [])])

    def create(self, client: Any, **settings: Any) -> tuple[str, str]:
        """The stack's final status, and why its queue failed if it did."""
        queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": self.name}}
        client.create_stack(StackName=self.name, TemplateBody=json.dumps({"Resources": {"Queue": queue}}), **settings)
        return self.ended()

    def ended(self) -> tuple[str, str]:
        api = self.embedded.client("cloudformation")
        stack = until(
            lambda: api.describe_stacks(StackName=self.name)["Stacks"][0],
            lambda found: not found["StackStatus"].endswith("_IN_PROGRESS"),
        )
        events = api.describe_stack_events(StackName=stack["StackId"])["StackEvents"]
        reasons = [each.get("ResourceStatusReason", "") for each in events if each["ResourceStatus"] == "CREATE_FAILED"]
        return stack["StackStatus"], reasons[0] if reasons else ""


@pytest.fixture
def stacks(embedded: Any) -> Stacks:
    return Stacks(embedded)


def test_without_a_role_a_stack_is_made_with_the_rights_of_whoever_asks(stacks: Stacks) -> None:
    status, reason = stacks.create(stacks.user(allow("cloudformation:*")))
    assert status == "ROLLBACK_COMPLETE"
    assert "not authorized to perform: sqs:" in reason
    assert f"{stacks.name}-user" in reason


def test_whoever_may_make_the_resources_may_make_the_stack(stacks: Stacks) -> None:
    assert stacks.create(stacks.user(allow("cloudformation:*", "sqs:*")))[0] == "CREATE_COMPLETE"


def test_with_a_role_the_callers_rights_do_not_count(stacks: Stacks) -> None:
    role = stacks.role()
    user = stacks.user(allow("cloudformation:*"), allow("iam:PassRole", on=role))
    assert stacks.create(user, RoleARN=role)[0] == "CREATE_COMPLETE"


def test_a_role_without_the_right_fails_the_resource(stacks: Stacks) -> None:
    role = stacks.role("sqs:CreateQueue")
    status, reason = stacks.create(stacks.embedded.client("cloudformation"), RoleARN=role)
    assert status == "ROLLBACK_COMPLETE"
    assert "not authorized to perform: sqs:CreateQueue" in reason
    assert role.rsplit("/", 1)[1] in reason


@pytest.mark.parametrize("key", ["aws:CalledVia", "aws:CalledViaFirst"])
def test_what_a_stack_calls_is_called_by_way_of_cloudformation(stacks: Stacks, key: str) -> None:
    when: dict[str, Any] = {"ForAnyValue:StringEquals": {key: "cloudformation.amazonaws.com"}}
    user = stacks.user(allow("cloudformation:*"), allow("sqs:*", **when))
    assert stacks.create(user)[0] == "CREATE_COMPLETE"


def test_a_right_that_holds_outside_of_services_only_makes_no_stack(stacks: Stacks) -> None:
    user = stacks.user(allow("cloudformation:*"), allow("sqs:*", Bool={"aws:ViaAWSService": "false"}))
    assert stacks.create(user)[0] == "ROLLBACK_COMPLETE"


def test_a_role_must_be_passed(stacks: Stacks) -> None:
    role = stacks.role()
    with pytest.raises(ClientError, match="iam:PassRole"):
        stacks.create(stacks.user(allow("cloudformation:*", "sqs:*")), RoleARN=role)


def test_a_role_that_does_not_trust_cloudformation_is_refused(stacks: Stacks) -> None:
    role = stacks.role(service="lambda.amazonaws.com")
    with pytest.raises(ClientError, match=r"cannot be assumed .*sts:AssumeRole"):
        stacks.create(stacks.embedded.client("cloudformation"), RoleARN=role)


def test_deleting_uses_the_stacks_role_whoever_asks(stacks: Stacks) -> None:
    role = stacks.role()
    api = stacks.embedded.client("cloudformation")
    stacks.create(api, RoleARN=role)
    permit(stacks.iam, role.rsplit("/", 1)[1], EVERYTHING, deny("sqs:DeleteQueue"))

    api.delete_stack(StackName=stacks.name)
    assert stacks.ended()[0] == "DELETE_FAILED"
