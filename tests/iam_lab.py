"""Roles for tests: one that a service may assume and that may do what its statements say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def trust(*services: str, **conditions: Any) -> dict[str, Any]:
    """A trust policy for services; conditions by operator, as StringEquals={"aws:SourceAccount": "..."}."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": list(services)},
        "Action": "sts:AssumeRole",
    }
    return document(statement | ({"Condition": conditions} if conditions else {}))


def allow(*actions: str, on: str | list[str] = "*", **conditions: Any) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": "Allow", "Action": list(actions), "Resource": on}
    return statement | ({"Condition": conditions} if conditions else {})


def deny(*actions: str, on: str | list[str] = "*") -> dict[str, Any]:
    return {"Effect": "Deny", "Action": list(actions), "Resource": on}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def make_role(
    iam: Any, name: str, *services: str, may: Sequence[dict[str, Any]] = (EVERYTHING,), **conditions: Any
) -> str:
    """The ARN of a new role that services may assume, on conditions, and what it `may` do."""
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust(*services, **conditions)))
    permit(iam, name, *may)
    return str(role["Role"]["Arn"])


def let_send(sqs: Any, url: str, arn: str, service: str, *sources: str) -> None:
    """Let a service send to a queue, on behalf of anything or of the sources given."""
    statement = allow("sqs:SendMessage", on=arn) | {"Principal": {"Service": service}}
    if sources:
        statement["Condition"] = {"ArnEquals": {"aws:SourceArn": list(sources)}}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(document(statement))})


def let_events_send(sqs: Any, url: str, arn: str, *rules: str) -> None:
    """Let EventBridge send to a queue, for every rule or for the rules given."""
    let_send(sqs, url, arn, "events.amazonaws.com", *rules)


def permit(iam: Any, name: str, *statements: dict[str, Any]) -> None:
    """Make the statements all that a role may do."""
    iam.put_role_policy(RoleName=name, PolicyName="permissions", PolicyDocument=json.dumps(document(*statements)))
