"""Roles, users and their clients for the tests of the gate: each made with exactly the policies a test names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError

ACCOUNT, OTHER = "111111111111", "222222222222"
REGION = "ap-northeast-2"


def document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, on: str | Sequence[str] = "*", when: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return statement("Allow", actions, on, when)


def deny(*actions: str, on: str | Sequence[str] = "*", when: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return statement("Deny", actions, on, when)


def statement(
    effect: str, actions: Sequence[str], on: str | Sequence[str], when: Mapping[str, Any] | None
) -> dict[str, Any]:
    made: dict[str, Any] = {"Effect": effect, "Action": list(actions), "Resource": on}
    return made | ({"Condition": when} if when else {})


def to(principal: Any, each: Mapping[str, Any]) -> dict[str, Any]:
    """The statement as one of a resource's policy."""
    return {**each, "Principal": principal}


def trust(**principal: Any) -> str:
    return document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})


@dataclass
class Lab:
    """Principals of one server."""

    aws: Any
    _boundaries: dict[str, str] = field(default_factory=dict)

    def client(self, service: str, *, account: str = ACCOUNT) -> Any:
        return self.aws.client(service, account=account, region=REGION)

    def role(
        self,
        *statements: Mapping[str, Any],
        account: str = ACCOUNT,
        trusts: str | None = None,
        boundary: Sequence[Mapping[str, Any]] | None = None,
        name: str | None = None,
    ) -> str:
        """The ARN of a new role whose inline policy `own` holds the statements."""
        iam = self.client("iam", account=account)
        name = name or f"role-{uuid4().hex[:8]}"
        more = {"PermissionsBoundary": self.policy(*boundary, account=account)} if boundary is not None else {}
        trusts = trusts or trust(AWS=f"arn:aws:iam::{account}:root")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusts, **more)["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
        return str(arn)

    def policy(self, *statements: Mapping[str, Any], account: str = ACCOUNT) -> str:
        made = self.client("iam", account=account).create_policy(
            PolicyName=f"policy-{uuid4().hex[:8]}", PolicyDocument=document(*statements)
        )
        return str(made["Policy"]["Arn"])

    def session(self, role: str, *, policy: str | None = None) -> boto3.session.Session:
        more = {"Policy": policy} if policy else {}
        keys = self.client("sts", account=role.split(":")[4]).assume_role(RoleArn=role, RoleSessionName="test", **more)[
            "Credentials"
        ]
        return boto3.session.Session(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=REGION
        )

    def acting(self, role: str, service: str, *, policy: str | None = None) -> Any:
        return self.session(role, policy=policy).client(service, endpoint_url=self.aws.url)

    def as_role(self, service: str, *statements: Mapping[str, Any], **options: Any) -> Any:
        """A client with a session of a new role that has just these statements."""
        return self.acting(self.role(*statements, **options), service)

    def user(self, *statements: Mapping[str, Any], groups: Sequence[Mapping[str, Any]] = ()) -> tuple[str, Any]:
        """Name and session of a new user; `groups` are the statements of a group that it is in."""
        iam, name = self.client("iam"), f"user-{uuid4().hex[:8]}"
        iam.create_user(UserName=name)
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document(*statements))
        if groups:
            iam.create_group(GroupName=f"{name}-group")
            iam.put_group_policy(GroupName=f"{name}-group", PolicyName="group", PolicyDocument=document(*groups))
            iam.add_user_to_group(GroupName=f"{name}-group", UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return name, boto3.session.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION)

    def bucket(self, *, account: str = ACCOUNT) -> str:
        name = f"iam-{uuid4().hex[:12]}"
        self.client("s3", account=account).create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        return name

    def key(self, *, account: str = ACCOUNT, policy: str | None = None) -> str:
        more = {"Policy": policy} if policy else {}
        return str(self.client("kms", account=account).create_key(**more)["KeyMetadata"]["Arn"])


def denied(call: Any, /, **params: Any) -> str:
    """The message with which the call is refused; fails when it is not."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    assert error["Code"] in ("AccessDenied", "AccessDeniedException", "AuthorizationError", "403"), error
    return str(error["Message"])
