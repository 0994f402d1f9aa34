"""iam:PassRole: whoever hands a role to a service needs the right to pass this role to this service.

Every member of a request that is called a role and holds a role's ARN is one; the shape of the input says which
members there are, so texts in free maps (tags, environment variables) are none. Called by the gate.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from botocore.model import Shape

from millrace.local.iam import catalog, moto_principals
from millrace.local.iam.needs import Need, Place
from millrace.local.service import ServiceError

ROLE_ARN = re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/.+")
MEMBER = re.compile(r"role(_?arn)?$", re.IGNORECASE)
WRITES = ("Create", "Put", "Update", "Start", "Register", "Run", "Execute", "Set", "Add", "Delete", "Continue", "Retry")
# The service that is given the role, by the prefix of the operation's actions.
PASSED_TO = {
    "application-autoscaling": "application-autoscaling.amazonaws.com",
    "budgets": "budgets.amazonaws.com",
    "cloudformation": "cloudformation.amazonaws.com",
    "cloudtrail": "cloudtrail.amazonaws.com",
    "ec2": "ec2.amazonaws.com",
    "events": "events.amazonaws.com",
    "firehose": "firehose.amazonaws.com",
    "glue": "glue.amazonaws.com",
    "lambda": "lambda.amazonaws.com",
    "logs": "logs.amazonaws.com",
    "pipes": "pipes.amazonaws.com",
    "s3": "s3.amazonaws.com",
    "sagemaker": "sagemaker.amazonaws.com",
    "scheduler": "scheduler.amazonaws.com",
    "sns": "sns.amazonaws.com",
    "ssm": "ssm.amazonaws.com",
    "states": "states.amazonaws.com",
}


def needs(service: str, operation: str, params: dict[str, Any], shape: Shape | None, place: Place) -> list[Need]:
    """One need per role that the request passes."""
    prefix = catalog.prefix_of(service)
    if prefix == "iam" and operation == "AddRoleToInstanceProfile":
        role = moto_principals.entity_arn(place.account, "role", params.get("RoleName") or "")
        return [_need(role, "ec2.amazonaws.com", "iam:AddRoleToInstanceProfile")] if role else []
    to = PASSED_TO.get(prefix)
    if to is None or shape is None or not operation.startswith(WRITES) or not _may_hold_roles(shape):
        return []
    arns = dict.fromkeys(_roles(params, shape))
    return [_need(arn, to, f"{prefix}:{operation}") for arn in arns]


# What a service answers when it is handed a role that does not exist; SageMaker and CloudFormation say it themselves.
MISSING = {
    "events": ("ValidationException", "Provided role '{arn}' cannot be assumed by principal 'events.amazonaws.com'."),
    "lambda": (
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda. ({arn} does not exist)",
    ),
    "scheduler": (
        "ValidationException",
        "The execution role you provide must allow AWS EventBridge Scheduler to assume the role. ({arn} is none)",
    ),
    "states": (
        "AccessDeniedException",
        "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the "
        "provided role. ({arn} does not exist)",
    ),
}


def check_existence(service: str, found: Iterable[Need]) -> None:
    """Refuse a role that does not exist as the service would."""
    said = MISSING.get(catalog.prefix_of(service))
    for need in found:
        if said and need.action == "iam:PassRole" and moto_principals.role(need.resource) is None:
            raise ServiceError(said[0], said[1].format(arn=need.resource))


@functools.cache
def _may_hold_roles(shape: Shape) -> bool:
    """Whether a member at any depth is called a role; shapes may contain themselves."""
    seen: set[str] = set()
    waiting = [shape]
    while waiting:
        each = waiting.pop()
        if each.name in seen:
            continue
        seen.add(each.name)
        if each.type_name == "structure":
            if any(MEMBER.search(name) for name in each.members):
                return True
            waiting += each.members.values()
        elif each.type_name == "list":
            waiting.append(each.member)
    return False


def _need(arn: str, to: str, because: str) -> Need:
    return Need("iam:PassRole", arn, {"iam:PassedToService": (to,)}, because=because)


def _roles(value: Any, shape: Shape) -> Iterator[str]:
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, member in shape.members.items():
            given = value.get(name)
            if isinstance(given, str):
                if MEMBER.search(name) and ROLE_ARN.fullmatch(given):
                    yield given
            elif given:
                yield from _roles(given, member)
    elif shape.type_name == "list" and isinstance(value, list) and shape.member.type_name in ("structure", "list"):
        for item in value:
            yield from _roles(item, shape.member)
