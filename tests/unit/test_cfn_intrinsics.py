"""Functions of templates, against a scope of plain values."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.cloudformation.errors import TemplateError
from millrace.local.cloudformation.intrinsics import NO_VALUE, UNKNOWN, Resolver, Scope

SCOPE = Scope(
    values={"Name": "claims", "Many": ["a", "b"], "Count": "3", "AWS::Region": "ap-northeast-2"},
    mappings={"Sizes": {"dev": {"type": "small", "list": ["x", {"Ref": "Name"}]}}},
    conditions={"Yes": True, "No": False},
    ref={"Queue": "http://queue", "New": UNKNOWN}.__getitem__,
    attribute=lambda logical, name: UNKNOWN if logical == "New" else f"{logical}:{name}",
    imported=lambda name: f"imported {name}",
    language_extensions=True,
)


def resolve(node: Any) -> Any:
    return Resolver(SCOPE).value(node)


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ({"Ref": "Name"}, "claims"),
        ({"Ref": "Queue"}, "http://queue"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "Queue:Arn"),
        ({"Fn::GetAtt": "Queue.A.B"}, "Queue:A.B"),
        ({"Fn::Sub": "${Name}-${AWS::Region}-${Queue.Arn}"}, "claims-ap-northeast-2-Queue:Arn"),
        ({"Fn::Sub": ["${Name}-${Own}", {"Own": {"Ref": "Count"}}]}, "claims-3"),
        ({"Fn::Sub": "${!Literal}$$ and ${Name}"}, "${Literal}$$ and claims"),
        ({"Fn::Join": ["/", ["a", {"Ref": "Name"}, 1, True]]}, "a/claims/1/true"),
        ({"Fn::Join": [",", {"Ref": "Many"}]}, "a,b"),
        ({"Fn::Select": ["1", {"Fn::Split": ["-", "a-b-c"]}]}, "b"),
        ({"Fn::FindInMap": ["Sizes", "dev", "type"]}, "small"),
        ({"Fn::FindInMap": ["Sizes", "dev", "list"]}, ["x", "claims"]),
        ({"Fn::FindInMap": ["Sizes", "prod", "type", {"DefaultValue": "big"}]}, "big"),
        ({"Fn::If": ["Yes", "then", "else"]}, "then"),
        ({"Fn::If": ["No", {"Ref": "NotThere"}, "else"]}, "else"),
        ({"Fn::ImportValue": {"Fn::Sub": "${Name}-x"}}, "imported claims-x"),
        ({"Fn::Base64": "hi"}, base64.b64encode(b"hi").decode()),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"Fn::ToJsonString": {"a": {"Ref": "Name"}}}, '{"a":"claims"}'),
        ({"Fn::Length": {"Ref": "Many"}}, 2),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}]}, {"b": [1]}),
        ({"Condition": "is a key like any other"}, {"Condition": "is a key like any other"}),
    ],
)
def test_each_function_has_its_value(node: Any, value: Any) -> None:
    assert resolve(node) == value


@pytest.mark.parametrize(
    "node",
    [
        {"Ref": "New"},
        {"Fn::GetAtt": ["New", "Arn"]},
        {"Fn::Sub": "a ${New.Arn}"},
        {"Fn::Join": ["", ["a", {"Ref": "New"}]]},
        {"Fn::Select": [0, {"Fn::Split": [":", {"Ref": "New"}]}]},
        {"Fn::Base64": {"Ref": "New"}},
        {"Fn::ToJsonString": {"deep": [{"Ref": "New"}]}},
    ],
)
def test_what_is_built_of_something_unknown_is_unknown(node: Any) -> None:
    assert resolve(node) is UNKNOWN


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"Fn::Nonsense": 1}, "Fn::Nonsense"),
        ({"Ref": "AWS::Nonsense"}, "AWS::Nonsense"),
        ({"Fn::Select": [7, ["a"]]}, "index 7"),
        ({"Fn::FindInMap": ["Sizes", "prod", "type"]}, "Sizes::prod::type"),
        ({"Fn::If": ["Perhaps", 1, 2]}, "Perhaps"),
        ({"Fn::Join": ["", "text"]}, "list of values"),
        ({"Fn::Sub": "${Many}"}, "a list cannot be part of a string"),
    ],
)
def test_a_mistake_is_named(node: Any, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        resolve(node)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=6).filter(lambda key: key != "Ref" and not key.startswith("Fn::")), inner)
    ),
    max_leaves=12,
)


@given(PLAIN)
def test_what_holds_no_function_stays_as_it_is(node: Any) -> None:
    assert resolve(node) == node


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=4), min_size=1, max_size=6))
def test_split_undoes_join(parts: list[str]) -> None:
    assert resolve({"Fn::Split": ["|", {"Fn::Join": ["|", parts]}]}) == parts


@given(st.text(alphabet="ab${}!.N:", max_size=12))
def test_sub_leaves_text_without_a_known_name_alone_or_refuses_it(text: str) -> None:
    try:
        answer = resolve({"Fn::Sub": ["x" + text, {}]})
    except (TemplateError, KeyError):
        return
    assert answer.startswith("x")


@given(PLAIN, st.booleans())
def test_if_takes_one_branch_and_never_looks_at_the_other(node: Any, first: bool) -> None:
    broken = {"Fn::Nonsense": 1}
    branches = [node, broken] if first else [broken, node]
    assert resolve({"Fn::If": ["Yes" if first else "No", *branches]}) == node


def test_no_value_at_the_top_is_a_value_of_its_own() -> None:
    assert resolve({"Ref": "AWS::NoValue"}) is NO_VALUE
