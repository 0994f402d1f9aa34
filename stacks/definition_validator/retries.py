"""The retry policies of a step: which faults are tried again, and when that ends."""

from __future__ import annotations

from typing import Any

from stacks.definition_validator.document import Step
from stacks.definition_validator.steps import RETRIED
from stacks.definition_validator.violation import Place, Report, choices

STEP_FAULTS = ("Step.SERVICE_FAULT", "Step.THROTTLING")
JOB_FAULTS = ("SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT")
WITHOUT_JOB = ("Model", "RegisterModel")
_ENDS = {"MaxAttempts": 20, "ExpireAfterMin": 14_400}
_WHOLE = {"IntervalSeconds", *_ENDS}
_MEMBERS = {"BackoffRate", "ExceptionType", *_WHOLE}


def check_retries(step: Step, report: Report) -> None:
    if step.type not in RETRIED or "RetryPolicies" not in step.body:
        return
    policies, place = step.body["RetryPolicies"], step.place.member("RetryPolicies")
    if not isinstance(policies, list):
        report.add(place, "is not a list", value=policies)
        return
    faults = STEP_FAULTS if step.type in WITHOUT_JOB else (*STEP_FAULTS, *JOB_FAULTS)
    for position, policy in enumerate(policies):
        here = place.index(position)
        if isinstance(policy, dict):
            _check_policy(policy, faults, here, report)
        else:
            report.add(here, "is no retry policy", value=policy)


def _check_policy(policy: dict[str, Any], allowed: tuple[str, ...], place: Place, report: Report) -> None:
    faults = policy.get("ExceptionType")
    for fault in faults if isinstance(faults, list) and faults else [faults]:
        if fault not in allowed:
            report.add(place.member("ExceptionType"), "is wrong", value=fault, allowed=", ".join(allowed))
    for name in policy.keys() - _MEMBERS:
        report.add(place.member(name), "is unknown", allowed=choices(name, _MEMBERS))
    for name in sorted(policy.keys() & _WHOLE):
        _check_whole(policy[name], _ENDS.get(name), place.member(name), report)
    rate = policy.get("BackoffRate", 2.0)
    if isinstance(rate, bool) or not isinstance(rate, int | float) or rate <= 0:
        report.add(place.member("BackoffRate"), "is wrong", value=rate, allowed="a number above 0")
    if ("MaxAttempts" in policy) == ("ExpireAfterMin" in policy):
        report.add(place, "needs exactly one of MaxAttempts and ExpireAfterMin", value=policy)


def _check_whole(value: Any, most: int | None, place: Place, report: Report) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1 or (most and value > most):
        allowed = f"a whole number from 1 to {most:,}" if most else "a whole number, 1 at least"
        report.add(place, "is wrong", value=value, allowed=allowed)
