"""Arguments of the steps that are no SageMaker request: Condition, Fail, Lambda and Callback."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from stacks.definition_validator.document import Step, items
from stacks.definition_validator.expressions import Resolver, is_expression
from stacks.definition_validator.resolved import fits_shape
from stacks.definition_validator.violation import NOTHING, Place, Report, choices

ORDERED = {"GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo"}
MEMBERS = {
    **dict.fromkeys(("Equals", *ORDERED), ("LeftValue", "RightValue")),
    "In": ("QueryValue", "Values"),
    "Not": ("Condition",),
    "Or": ("Conditions",),
}
CONDITIONS = set(MEMBERS)
LONGEST_MESSAGE = 3072
MOST_OUTPUTS, LONGEST_OUTPUT_NAME = 50, 256
OUTPUT_TYPES = ("String", "Integer", "Boolean", "Float")
_FUNCTION = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_$-]+)?")


def check_own_arguments(step: Step, resolver: Resolver, report: Report) -> None:
    place = step.place.member("Arguments")
    if step.type == "Condition":
        _check_condition_step(step, place, resolver, report)
    elif step.type == "Fail":
        _check_fail(step.arguments if isinstance(step.arguments, dict) else {}, place, resolver, report)
    elif step.type in ("Lambda", "Callback"):
        member = "FunctionArn" if step.type == "Lambda" else "SqsQueueUrl"
        _check_text(step.body.get(member, NOTHING), step.place.member(member), resolver, report)
        _check_function(step, report)
        _check_outputs(step, report)


def _check_fail(arguments: dict[str, Any], place: Place, resolver: Resolver, report: Report) -> None:
    here, message = place.member("ErrorMessage"), arguments.get("ErrorMessage", NOTHING)
    _check_text(message, here, resolver, report)
    if isinstance(message, str) and not 1 <= len(message) <= LONGEST_MESSAGE:
        report.add(here, f"has {len(message)} characters", allowed=f"1 to {LONGEST_MESSAGE:,}")
    for name in arguments.keys() - {"ErrorMessage"}:
        report.add(place.member(name), "is unknown", allowed="ErrorMessage")


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
        return
    for name in sorted(condition.keys() - {"Type", *MEMBERS[kind]}):
        report.add(place.member(name), f"is unknown to {kind}", allowed=", ".join(MEMBERS[kind]))
    if kind == "Not":
        _check_condition(condition.get("Condition"), place.member("Condition"), resolver, report)
    elif kind == "Or":
        _check_conditions(condition.get("Conditions"), place.member("Conditions"), resolver, report)
    elif kind == "In":
        _check_operand(condition, "QueryValue", place, resolver, report)
        _check_values(condition.get("Values"), place.member("Values"), report)
    else:
        for side in ("LeftValue", "RightValue"):
            _check_operand(condition, side, place, resolver, report, number=kind in ORDERED)


def _check_values(values: Any, place: Place, report: Report) -> None:
    if not isinstance(values, list) or not values:
        report.add(place, "is not a list of values", value=values)
        return
    for position, value in enumerate(values):
        if not is_expression(value) and (isinstance(value, dict | list) or value is None):
            report.add(place.index(position), "cannot be compared", value=value, allowed="a text, number or boolean")


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


def _check_function(step: Step, report: Report) -> None:
    """What a Lambda step calls and hands over."""
    arn = step.body.get("FunctionArn")
    if step.type == "Lambda" and isinstance(arn, str) and not _FUNCTION.fullmatch(arn):
        allowed = "arn:aws:lambda:<region>:<account>:function:<name>"
        report.add(step.place.member("FunctionArn"), "is no function's ARN", value=arn, allowed=allowed)
    if not isinstance(step.arguments, dict) or is_expression(step.arguments):
        report.add(step.place.member("Arguments"), "is not an object", value=step.arguments, allowed="names and values")


def _check_outputs(step: Step, report: Report) -> None:
    place, listed = step.place.member("OutputParameters"), step.body.get("OutputParameters", [])
    if not isinstance(listed, list):
        report.add(place, "is not a list", value=listed)
        return
    if len(listed) > MOST_OUTPUTS:
        report.add(place, f"has {len(listed)} items", allowed=f"{MOST_OUTPUTS} at most")
    for position, output in enumerate(listed):
        here = place.index(position)
        name = output.get("OutputName") if isinstance(output, dict) else None
        if not isinstance(output, dict) or not isinstance(name, str):
            report.add(here.member("OutputName"), "is missing or not a text", value=output)
        elif not 1 <= len(name) <= LONGEST_OUTPUT_NAME:
            allowed = f"1 to {LONGEST_OUTPUT_NAME} characters"
            report.add(here.member("OutputName"), f"has {len(name)} characters", allowed=allowed)
        elif output.get("OutputType") not in OUTPUT_TYPES:
            kind = output.get("OutputType")
            report.add(here.member("OutputType"), "is wrong", value=kind, allowed=choices(kind, OUTPUT_TYPES))
    named = [output["OutputName"] for output in items(step.body, "OutputParameters") if "OutputName" in output]
    for name, count in Counter(name for name in named if isinstance(name, str)).items():
        if count > 1:
            report.add(place, f"repeats the OutputName {name!r}", advice="each is given once")
