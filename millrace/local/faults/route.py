"""The internal route `faults`: GET tells, POST puts a plan, DELETE ends it. `millrace chaos` and tests use it."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import UnknownServiceError

from millrace.local.faults.faults import Faults
from millrace.local.faults.records import OF_CALLS, BadPlan, Fault, Plan, read
from millrace.local.models import shared_session

PATTERN_CHARACTERS = "*?["


def answer(faults: Faults, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """What the route answers; BadPlan for a plan that makes no sense."""
    if method == "POST":
        plan = read(params)
        check_names(plan)
        faults.put(plan)
    elif method == "DELETE":
        faults.stop()
    return faults.describe()


def check_names(plan: Plan) -> None:
    """A call with a name that does not exist would never go wrong, and a test would pass for that reason."""
    wrong = [mistake for fault in plan.faults if fault.kind in OF_CALLS and (mistake := _mistake(fault))]
    if wrong:
        raise BadPlan("; ".join(wrong))


def _mistake(fault: Fault) -> str:
    service, colon, operation = fault.what.partition(":")
    if not colon:
        example = "dynamodb:PutItem, sagemaker:* or *"
        return "" if fault.what == "*" else f"{fault.what!r} is no call: write service:Operation, as {example}"
    if any(character in service for character in PATTERN_CHARACTERS):
        return ""
    try:
        operations = shared_session().get_service_model(service).operation_names
    except UnknownServiceError:
        return f"there is no service {service!r} ({fault.what}): use boto3's name of it, such as dynamodb or events"
    if operation in operations or any(character in operation for character in PATTERN_CHARACTERS):
        return ""
    near = next((name for name in operations if name.lower() == operation.lower().replace("_", "")), None)
    return f"{service} has no operation {operation!r}" + (f": did you mean {near}?" if near else "")
