"""What EventBridge and its Scheduler refuse, and moto takes; the gateway calls `check` before moto serves a request."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from millrace.local.events import expression
from millrace.local.events.expression import At, ExpressionError
from millrace.local.events.pattern import Pattern, PatternError
from millrace.local.service import ServiceError
from millrace.local.wire import Operation

MOST_TARGETS = 5
INPUTS = ("Input", "InputPath", "InputTransformer")
SCHEDULING = ("PutRule", "CreateSchedule", "UpdateSchedule")


def check(operation: Operation, _environ: Mapping[str, Any]) -> None:
    """Raise the service's error for a pattern or a schedule that it could not follow."""
    pattern, schedule = (operation.params.get(name) for name in ("EventPattern", "ScheduleExpression"))
    if operation.name == "PutRule" and pattern:
        try:
            Pattern.parse(pattern)
        except PatternError as error:
            raise ServiceError("InvalidEventPatternException", str(error)) from error
    if operation.name == "PutTargets":
        _check_targets(operation.params["Targets"])
    if operation.name in SCHEDULING and schedule:
        try:
            _check_schedule(operation, schedule)
        except ExpressionError as error:
            raise ServiceError(
                "ValidationException", f"Parameter ScheduleExpression is not valid. Reason: {error}"
            ) from error


def _check_targets(targets: Sequence[Mapping[str, Any]]) -> None:
    ids = [target["Id"] for target in targets]
    if len(ids) > MOST_TARGETS:
        raise ServiceError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
    if len(set(ids)) < len(ids):
        raise ServiceError("ValidationException", f"Target Ids must differ: {', '.join(ids)}")
    for target in targets:
        if sum(name in target for name in INPUTS) > 1:
            told = f"Only one of {', '.join(INPUTS)} must be provided for target {target['Id']}."
            raise ServiceError("ValidationException", told)
        if "Input" in target:
            try:
                json.loads(target["Input"])
            except ValueError as error:
                told = f"Input for target {target['Id']} is not valid JSON: {error}"
                raise ServiceError("ValidationException", told) from error


def _check_schedule(operation: Operation, schedule: str) -> None:
    of_rule = operation.name == "PutRule"
    parsed = expression.parse(schedule, strict_units=of_rule)
    if of_rule and isinstance(parsed, At):
        raise ExpressionError(f"{schedule} is for EventBridge Scheduler; rules take rate() and cron()")
    expression.time_zone(operation.params.get("ScheduleExpressionTimezone"))
