"""Conditions: parsing and truth."""

from __future__ import annotations

import json
import operator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.sagemaker.pipelines.conditions import all_hold, holds, parse_condition, parse_conditions
from millrace.local.sagemaker.pipelines.errors import DefinitionError, ResolutionError

COMPARE = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
numbers = st.integers(-5, 5) | st.floats(-5, 5)


def itself(value: Any) -> Any:
    return value


def comparison(kind: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


def truth(raw: dict[str, Any]) -> bool:
    """What a condition means, said again in the plainest way."""
    kind = raw["Type"]
    if kind == "Not":
        return not truth(raw["Condition"])
    if kind == "Or":
        return any(truth(each) for each in raw["Conditions"])
    if kind == "In":
        return raw["QueryValue"] in raw["Values"]
    return bool(COMPARE[kind](raw["LeftValue"], raw["RightValue"]))


leaves = st.builds(comparison, st.sampled_from(sorted(COMPARE)), numbers, numbers) | st.builds(
    lambda query, values: {"Type": "In", "QueryValue": query, "Values": values}, numbers, st.lists(numbers, max_size=4)
)
conditions = st.recursive(
    leaves,
    lambda inner: (
        st.builds(lambda each: {"Type": "Not", "Condition": each}, inner)
        | st.builds(lambda each: {"Type": "Or", "Conditions": each}, st.lists(inner, min_size=1, max_size=3))
    ),
    max_leaves=8,
)


@given(conditions)
def test_a_condition_holds_exactly_when_its_meaning_does(raw: dict[str, Any]) -> None:
    assert holds(parse_condition(raw), itself) == truth(raw)


@given(st.lists(conditions, min_size=1, max_size=4))
def test_a_list_of_conditions_is_joined_by_and(raws: list[dict[str, Any]]) -> None:
    assert all_hold(parse_conditions(raws), itself) == all(truth(raw) for raw in raws)


def test_operands_are_resolved_before_they_are_compared() -> None:
    condition = parse_condition(comparison("GreaterThanOrEqualTo", {"Get": "auc"}, {"Get": "floor"}))
    assert holds(condition, lambda operand: {"auc": 0.8, "floor": 0.75}[operand["Get"]])


@pytest.mark.parametrize(
    ("left", "right"), [(1, "1"), (True, 1), ("true", True), (0.5, "0.5"), ({"a": 1}, 1), (None, None), ([1], 1)]
)
def test_values_of_different_types_are_not_compared(left: Any, right: Any) -> None:
    with pytest.raises(ResolutionError):
        holds(parse_condition(comparison("Equals", left, right)), itself)


def test_strings_are_equal_or_not_but_never_greater() -> None:
    assert holds(parse_condition(comparison("Equals", "a", "a")), itself)
    with pytest.raises(ResolutionError, match="compares numbers"):
        holds(parse_condition(comparison("GreaterThan", "b", "a")), itself)


@pytest.mark.parametrize(
    "raw",
    [
        {"Type": "Roughly", "LeftValue": 1, "RightValue": 1},
        {"Type": "Equals", "LeftValue": 1},
        {"Type": "Not", "Expression": comparison("Equals", 1, 1)},
        {"Type": "Or", "Conditions": []},
        {"Type": "In", "QueryValue": 1, "Values": 1},
        "Equals",
    ],
    ids=json.dumps,
)
def test_malformed_conditions_are_refused(raw: Any) -> None:
    with pytest.raises(DefinitionError):
        parse_condition(raw)
