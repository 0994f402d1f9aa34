"""Parameters, conditions and rules: what a caller gives becomes what a template may use."""

from __future__ import annotations

from typing import Any

import pytest

from millrace.local.cloudformation.conditions import check_rules, comparable, evaluate_conditions
from millrace.local.cloudformation.errors import TemplateError
from millrace.local.cloudformation.intrinsics import Scope
from millrace.local.cloudformation.parameters import Parameter, resolve_parameters


def resolve(declared: dict[str, Any], previous: dict[str, str] | None = None, **given: str) -> dict[str, Parameter]:
    entries = [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]
    return resolve_parameters(declared, entries, previous or {}, lambda name: f"ssm of {name}")


def test_a_default_serves_what_is_not_given() -> None:
    declared = {"A": {"Type": "String", "Default": True}, "B": {"Type": "Number", "Default": 5}}
    found = resolve(declared, B="7")
    assert (found["A"].value, found["B"].value) == ("true", "7")


def test_lists_are_split_at_commas() -> None:
    assert resolve({"A": {"Type": "CommaDelimitedList"}}, A="x, y")["A"].value == ["x", "y"]
    assert resolve({"A": {"Type": "List<Number>", "Default": ""}})["A"].value == []


def test_a_parameter_may_stand_for_one_of_ssm() -> None:
    found = resolve({"A": {"Type": "AWS::SSM::Parameter::Value<String>"}}, A="/x")["A"]
    assert (found.text, found.value) == ("/x", "ssm of /x")
    assert found.described()["ResolvedValue"] == "ssm of /x"


def test_what_must_not_be_echoed_is_hidden() -> None:
    assert resolve({"A": {"Type": "String", "NoEcho": True}}, A="s")["A"].described()["ParameterValue"] == "****"


def test_a_previous_value_is_used_on_request_only() -> None:
    declared = {"A": {"Type": "String", "Default": "default"}}
    entries = [{"ParameterKey": "A", "UsePreviousValue": True}]
    assert resolve_parameters(declared, entries, {"A": "before"}, str)["A"].value == "before"
    assert resolve(declared, {"A": "before"})["A"].value == "default"


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        ({"AllowedValues": ["a", "b"]}, "c", "must be one of AllowedValues"),
        ({"AllowedPattern": "[a-z]+"}, "A1", r"must match pattern \[a-z\]\+"),
        ({"AllowedPattern": "[a-z]+", "ConstraintDescription": "letters"}, "1", "constraint: letters"),
        ({"MinLength": 2}, "a", "at least 2"),
        ({"MaxLength": "2"}, "abc", "at most 2"),
        ({"Type": "Number"}, "x", "must be a number"),
        ({"Type": "Number", "MinValue": 3}, "2", "not less than 3"),
        ({"Type": "Number", "MaxValue": 3}, "4", "not greater than 3"),
    ],
)
def test_a_broken_constraint_is_named(entry: dict[str, Any], value: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        resolve({"A": {"Type": "String", **entry}}, A=value)


def test_missing_and_unknown_parameters_are_all_named() -> None:
    with pytest.raises(TemplateError, match=r"\[A, B\] must have values"):
        resolve({"A": {"Type": "String"}, "B": {"Type": "String"}})
    with pytest.raises(TemplateError, match=r"\[C\] do not exist"):
        resolve({}, C="x")


def test_conditions_may_mention_each_other_in_any_order() -> None:
    declared = {
        "Both": {"Fn::And": [{"Condition": "One"}, {"Fn::Not": [{"Condition": "Two"}]}]},
        "One": {"Fn::Equals": [{"Ref": "Stage"}, "dev"]},
        "Two": {"Fn::Or": [{"Fn::Equals": ["a", "b"]}, {"Fn::Equals": [5, "6"]}]},
    }
    found = evaluate_conditions(declared, Scope(values={"Stage": "dev"}))
    assert found == {"Both": True, "One": True, "Two": False}


@pytest.mark.parametrize(
    "declared", [{"A": {"Condition": "A"}}, {"A": {"Condition": "B"}}, {"A": "yes"}, {"A": {"Fn::Sub": "x"}}]
)
def test_a_condition_that_cannot_be_evaluated_is_refused(declared: dict[str, Any]) -> None:
    with pytest.raises(TemplateError):
        evaluate_conditions(declared, Scope())


def test_scalars_are_compared_as_text() -> None:
    assert comparable({"a": [1, True, "x"]}) == comparable({"a": ["1", "true", "x"]})


def test_the_bootstrap_rule_of_cdk_is_checked() -> None:
    rule = {
        "CheckBootstrapVersion": {
            "Assertions": [
                {
                    "Assert": {"Fn::Not": [{"Fn::Contains": [["1", "2"], {"Ref": "BootstrapVersion"}]}]},
                    "AssertDescription": "bootstrap again",
                }
            ]
        }
    }
    check_rules(rule, Scope(values={"BootstrapVersion": "21"}))
    with pytest.raises(TemplateError, match="bootstrap again"):
        check_rules(rule, Scope(values={"BootstrapVersion": "2"}))
