"""Arguments of the steps that are no SageMaker request: Condition, Fail, Lambda and Callback; and retry policies."""

from __future__ import annotations

from typing import Any

from stacks.definition_validator.document import Step
from stacks.definition_validator.expressions import Resolver, is_expression
from stacks.definition_validator.resolved import fits_shape
from stacks.definition_validator.steps import RETRIED
from stacks.definition_validator.violation import NOTHING, Place, Report, choices

ORDERED = {"GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo"}
CONDITIONS = {"Equals", "In", "Not", "Or", *ORDERED}
OUTPUT_TYPES = ("String", "Integer", "Boolean", "Float")
_STEP_FAULTS = ("Step.SERVICE_FAULT", "Step.THROTTLING")
_JOB_FAULTS = ("SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT")
_RETRY_LIMITS = {"MaxAttempts": 20, "ExpireAfterMin": 14_400}
_NUMBERS = {"BackoffRate", "IntervalSeconds", *_RETRY_LIMITS}


def check_own_arguments(step: Step, resolver: Resolver, report: Report) -> None:
    place = step.place.member("Arguments")
    if step.type == "Condition":
        _check_condition_step(step, place, resolver, report)
    elif step.type == "Fail":
        message = step.arguments.get("ErrorMessage", NOTHING) if isinstance(step.arguments, dict) else NOTHING
        _check_text(message, place.member("ErrorMessage"), resolver, report)
    elif step.type in ("Lambda", "Callback"):
        member = "FunctionArn" if step.type == "Lambda" else "SqsQueueUrl"
        _check_text(step.body.get(member, NOTHING), step.place.member(member), resolver, report)
        _check_outputs(step, report)
    if step.type in RETRIED and "RetryPolicies" in step.body:
        _check_retries(step.body["RetryPolicies"], step.place.member("RetryPolicies"), report)


def _check_condition_step(step: Step, place: Place, resolver: Resolver, report: Report) -> None:
    if not isinstance(step.arguments, dict):
        report.add(place, "is not an object", value=step.arguments, allowed="Conditions, IfSteps, ElseSteps")
        return
    for name in step.arguments.keys() - {"Conditions", "IfSteps", "ElseSteps"}:
        report.add(place.member(name), "is unknown", allowed="Conditions, IfSteps, ElseSteps")
    _check_conditions(step.arguments.get("Conditions"), place.member("Conditions"), resolver, report)
    if not step.arguments.get("IfSteps") and not step.arguments.get("ElseSteps"):
        report.add(place.member("IfSteps"), "is empty and so is ElseSteps", advice="give one of them a step")


def _check_conditions(value: Any, place: Place, resolver: Resolver, report: Report) -> None:
    if not isinstance(value, list) or not value:
        report.add(place, "is not a list of conditions", value=value)
        return
    for position, condition in enumerate(value):
        _check_condition(condition, place.index(position), resolver, report)


def _check_condition(condition: Any, place: Place, resolver: Resolver, report: Report) -> None:
    kind = condition.get("Type") if isinstance(condition, dict) else None
    if not isinstance(condition, dict) or not isinstance(kind, str) or kind not in CONDITIONS:
        report.add(place.member("Type"), "is no condition", value=kind, allowed=choices(kind, CONDITIONS))
    elif kind == "Not":
        _check_condition(condition.get("Condition"), place.member("Condition"), resolver, report)
    elif kind == "Or":
        _check_conditions(condition.get("Conditions"), place.member("Conditions"), resolver, report)
    elif kind == "In":
        _check_operand(condition, "QueryValue", place, resolver, report)
        if not isinstance(condition.get("Values"), list) or not condition["Values"]:
            report.add(place.member("Values"), "is not a list of values", value=condition.get("Values"))
    else:
        for side in ("LeftValue", "RightValue"):
            _check_operand(condition, side, place, resolver, report, number=kind in ORDERED)


def _check_operand(
    condition: dict[str, Any], side: str, place: Place, resolver: Resolver, report: Report, *, number: bool = False
) -> None:
    here, value = place.member(side), condition.get(side, NOTHING)
    if value is NOTHING:
        report.add(here, "is missing", advice=f"{condition['Type']} needs it")
    elif is_expression(value):
        resolved = resolver.result(here)
        if resolved and (not resolved.scalar or (number and not fits_shape(resolved, "double"))):
            wanted = "a number" if number else "a text, number or boolean"
            report.add(here, f"is of type {resolved.kind}", value=value, allowed=wanted)
    elif number and (isinstance(value, bool) or not isinstance(value, (int, float))):
        report.add(here, "is not a number", value=value, allowed=f"a number: {condition['Type']} orders numbers")
    elif isinstance(value, (dict, list)) or value is None:
        report.add(here, "cannot be compared", value=value, allowed="a text, number or boolean")


def _check_text(value: Any, place: Place, resolver: Resolver, report: Report) -> None:
    if value is NOTHING:
        report.add(place, "is missing", allowed="a text")
    elif is_expression(value):
        resolved = resolver.result(place)
        if resolved and not fits_shape(resolved, "string"):
            report.add(place, f"is of type {resolved.kind}", value=value, allowed="a text")
    elif not isinstance(value, str):
        report.add(place, "is not a text", value=value, allowed="a text")


def _check_outputs(step: Step, report: Report) -> None:
    place, listed = step.place.member("OutputParameters"), step.body.get("OutputParameters", [])
    if not isinstance(listed, list):
        report.add(place, "is not a list", value=listed)
        return
    for position, output in enumerate(listed):
        here = place.index(position)
        if not isinstance(output, dict) or not isinstance(output.get("OutputName"), str):
            report.add(here.member("OutputName"), "is missing or not a text", value=output)
        elif output.get("OutputType") not in OUTPUT_TYPES:
            kind = output.get("OutputType")
            report.add(here.member("OutputType"), "is wrong", value=kind, allowed=choices(kind, OUTPUT_TYPES))


def _check_retries(policies: Any, place: Place, report: Report) -> None:
    if not isinstance(policies, list):
        report.add(place, "is not a list", value=policies)
        return
    for position, policy in enumerate(policies):
        here = place.index(position)
        if not isinstance(policy, dict):
            report.add(here, "is no retry policy", value=policy)
            continue
        _check_retry(policy, here, report)


def _check_retry(policy: dict[str, Any], place: Place, report: Report) -> None:
    faults, allowed = policy.get("ExceptionType"), (*_STEP_FAULTS, *_JOB_FAULTS)
    for fault in faults if isinstance(faults, list) and faults else [faults]:
        if fault not in allowed:
            report.add(place.member("ExceptionType"), "is wrong", value=fault, allowed=", ".join(allowed))
    for name in policy.keys() - _NUMBERS - {"ExceptionType"}:
        report.add(place.member(name), "is unknown", allowed=choices(name, _NUMBERS | {"ExceptionType"}))
    for name in policy.keys() & _NUMBERS:
        value, most = policy[name], _RETRY_LIMITS.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0 or (most and value > most):
            report.add(place.member(name), "is wrong", value=value, allowed=f"0 to {most}" if most else "0 or more")
    if ("MaxAttempts" in policy) == ("ExpireAfterMin" in policy):
        report.add(place, "needs exactly one of MaxAttempts and ExpireAfterMin", value=policy)
