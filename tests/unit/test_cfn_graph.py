"""The order of resources follows from what mentions what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.cloudformation import graph
from millrace.local.cloudformation.errors import TemplateError
from millrace.local.cloudformation.template import Declaration


def test_every_way_to_mention_a_resource_is_a_need() -> None:
    properties = {
        "a": {"Ref": "ByRef"},
        "b": {"Fn::GetAtt": ["ByGetAtt", "Arn"]},
        "c": {"Fn::GetAtt": "ByText.Arn"},
        "d": {"Fn::Sub": ["${BySub.Arn} ${!NotThis} ${Own} ${AWS::Region}", {"Own": {"Ref": "InMap"}}]},
    }
    names = ["ByRef", "ByGetAtt", "ByText", "BySub", "InMap", "ByDepends", "NotThis", "Own"]
    resources = {name: Declaration(name, "T", {}) for name in names}
    resources["Main"] = Declaration("Main", "T", properties, depends_on=("ByDepends", "LeftOut"))
    assert graph.dependencies(resources)["Main"] == ["ByDepends", "ByGetAtt", "ByRef", "BySub", "ByText", "InMap"]


def test_only_the_branch_that_is_taken_counts() -> None:
    node = {"Fn::If": ["C", {"Ref": "A"}, {"Ref": "B"}]}
    assert list(graph.references(node, {"C": False})) == ["B"]


def test_the_attributes_that_are_asked_for_are_found() -> None:
    node = [{"Fn::GetAtt": ["A", "Arn"]}, {"Fn::Sub": "${B.Name} ${C} ${!D.x}"}, {"Fn::GetAtt": "E.One.Two"}]
    assert list(graph.attributes(node)) == [("A", "Arn"), ("B", "Name"), ("E", "One.Two")]


def test_a_circle_is_refused_with_its_members_only() -> None:
    needs = {"A": ["B"], "B": ["C"], "C": ["B"], "D": []}
    with pytest.raises(TemplateError, match=r"Circular dependency between resources: \[B, C\]"):
        graph.order(needs)


@st.composite
def acyclic(draw: st.DrawFn) -> dict[str, list[str]]:
    names = draw(st.lists(st.text(alphabet="abcdef", min_size=1, max_size=3), unique=True, max_size=8))
    return {
        name: draw(st.lists(st.sampled_from(names[:index]), unique=True, max_size=3)) if index else []
        for index, name in enumerate(names)
    }


@given(acyclic(), st.randoms())
def test_everything_comes_once_and_after_what_it_needs(needs: dict[str, list[str]], random: object) -> None:
    names = list(needs)
    random.shuffle(names)  # type: ignore[attr-defined]
    ordered = graph.order({name: needs[name] for name in names})
    assert sorted(ordered) == sorted(needs)
    assert all(ordered.index(need) < ordered.index(name) for name in needs for need in needs[name])


@given(st.lists(st.text(alphabet="abcdef", min_size=1, max_size=3), unique=True, min_size=1, max_size=6))
def test_every_ring_is_refused(names: list[str]) -> None:
    ring = {name: [names[index - 1]] for index, name in enumerate(names)}
    with pytest.raises(TemplateError, match="Circular"):
        graph.order(ring)
