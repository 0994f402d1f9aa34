"""Pipeline parameters: declarations, and what a run passes as strings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.sagemaker.pipelines.errors import DefinitionError, ParameterError
from millrace.local.sagemaker.pipelines.expressions import as_text
from millrace.local.sagemaker.pipelines.parameters import Parameter, bind, parse_parameter, parse_text

values = {
    "String": st.text(),
    "Integer": st.integers(-(10**18), 10**18),
    "Float": st.floats(allow_nan=False, allow_infinity=False),
    "Boolean": st.booleans(),
}
typed = st.sampled_from(sorted(values)).flatmap(lambda kind: st.tuples(st.just(kind), values[kind]))


@given(typed)
def test_a_value_comes_back_from_its_text_with_its_type(pair: tuple[str, Any]) -> None:
    kind, value = pair
    back = parse_text(Parameter("P", kind), as_text(value))
    assert back == value
    assert type(back) is type(value)


@given(typed)
def test_a_default_is_used_when_a_run_gives_nothing(pair: tuple[str, Any]) -> None:
    kind, value = pair
    parameter = parse_parameter({"Name": "P", "Type": kind, "DefaultValue": value})
    assert bind([parameter], {}) == {"P": value}


@pytest.mark.parametrize(
    ("kind", "text"), [("Integer", "1.0"), ("Integer", ""), ("Float", "nan"), ("Float", "x"), ("Boolean", "yes")]
)
def test_text_that_is_not_of_the_type_is_refused(kind: str, text: str) -> None:
    with pytest.raises(ParameterError, match=f"not of type {kind}"):
        parse_text(Parameter("P", kind), text)


def test_missing_required_parameters_are_all_named() -> None:
    with pytest.raises(ParameterError, match=r"Missing values for required parameters \[A, C\]"):
        bind([Parameter("A", "String"), Parameter("B", "String", "b"), Parameter("C", "Integer")], {})


def test_unknown_parameters_are_all_named() -> None:
    with pytest.raises(ParameterError, match=r"Unknown parameters \[X, Y\]"):
        bind([Parameter("A", "String", "a")], {"Y": "1", "X": "2"})


def test_only_the_enumerated_values_are_taken() -> None:
    parameter = parse_parameter({"Name": "P", "Type": "Integer", "DefaultValue": 1, "EnumValues": [1, 2]})
    assert bind([parameter], {"P": "2"}) == {"P": 2}
    with pytest.raises(ParameterError, match=r"allowed are \[1, 2\]"):
        bind([parameter], {"P": "3"})


@pytest.mark.parametrize(
    "raw",
    [
        {"Name": "P", "Type": "Text"},
        {"Name": "P Q", "Type": "String"},
        {"Name": "P", "Type": "Integer", "DefaultValue": "1"},
        {"Name": "P", "Type": "Integer", "DefaultValue": True},
        {"Name": "P", "Type": "String", "EnumValues": ["a"], "DefaultValue": "b"},
        {"Name": "P", "Type": "String", "Required": True},
        "P",
    ],
)
def test_malformed_declarations_are_refused(raw: Any) -> None:
    with pytest.raises(DefinitionError):
        parse_parameter(raw)
