"""Plans: what an execution would do to resources that are deployed, without touching one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.cloudformation.definition import Definition, Place, define
from millrace.local.cloudformation.errors import TemplateError
from millrace.local.cloudformation.intrinsics import UNKNOWN
from millrace.local.cloudformation.plan import Plan, make_plan
from millrace.local.cloudformation.records import Output, Resource
from millrace.local.cloudformation.template import parse_template

PLACE = Place("111111111111", "ap-northeast-2", "arn:stack", "stack")


def definition(resources: dict[str, Any], **sections: Any) -> Definition:
    return define(parse_template(json.dumps({"Resources": resources, **sections})), {}, PLACE)


def queue(name: str | None = None, /, **properties: Any) -> dict[str, Any]:
    named = {"QueueName": name} if name else {}
    return {"Type": "AWS::SQS::Queue", "Properties": {**named, **properties}}


def parameter(value: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/a", "Type": "String", "Value": value}}


def deployed(**resources: dict[str, Any]) -> dict[str, Resource]:
    return {
        name: Resource(
            name, one["Type"], one["Properties"], "CREATE_COMPLETE", datetime.now(UTC), f"id-of-{name}", {"Arn": "arn"}
        )
        for name, one in resources.items()
    }


def plan(wanted: dict[str, Any], known: dict[str, Resource], outputs: tuple[Output, ...] = (), **more: Any) -> Plan:
    return make_plan(definition(wanted, **more), known, outputs, lambda name: name)


def test_what_is_new_is_added_and_what_is_gone_is_removed() -> None:
    found = plan({"New": queue()}, deployed(Old=queue()))
    assert [(one.action, one.logical_id) for one in found.changes] == [("Add", "New"), ("Remove", "Old")]
    assert str(found) == "Add AWS::SQS::Queue New\nRemove AWS::SQS::Queue Old"


def test_a_property_that_can_change_is_changed_in_place() -> None:
    found = plan({"Q": queue("q", DelaySeconds=5)}, deployed(Q=queue("q", DelaySeconds=1)))
    assert (found.changes[0].replacement, found.changes[0].differing) == ("False", ("DelaySeconds",))


def test_a_property_that_cannot_change_replaces_and_makes_what_refers_to_it_change() -> None:
    known = deployed(Q=queue("a"), P=parameter("id-of-Q"), Fixed=parameter("x"))
    wanted = {"P": parameter({"Ref": "Q"}), "Q": queue("b"), "Fixed": parameter("x")}
    changes = {one.logical_id: one for one in plan(wanted, known).changes}
    assert (changes["Q"].replacement, changes["P"].replacement) == ("True", "False")
    assert changes["P"].after is not None
    assert changes["P"].after["Value"] is UNKNOWN
    assert "Fixed" not in changes


def test_a_name_made_of_something_unknown_is_perhaps_a_replacement() -> None:
    wanted = {"New": parameter("x"), "Q": queue({"Fn::Join": ["", [{"Ref": "New"}]]})}  # type: ignore[arg-type]
    changes = {one.logical_id: one for one in plan(wanted, deployed(Q=queue("a"))).changes}
    assert changes["Q"].replacement == "Conditional"


def test_numbers_and_their_text_are_the_same() -> None:
    assert plan(
        {"Q": queue(DelaySeconds="5", FifoQueue="true")}, deployed(Q=queue(DelaySeconds=5, FifoQueue=True))
    ).empty


def test_outputs_alone_are_a_change() -> None:
    wanted, known = {"Q": queue()}, deployed(Q=queue())
    outputs = {"Url": {"Value": {"Ref": "Q"}}}
    assert not plan(wanted, known, Outputs=outputs).empty
    assert plan(wanted, known, (Output("Url", "id-of-Q"),), Outputs=outputs).empty


def test_a_deletion_policy_alone_is_a_change() -> None:
    found = plan({"Q": {**queue(), "DeletionPolicy": "Retain"}}, deployed(Q=queue()))
    assert (found.changes[0].scope, found.changes[0].replacement) == (("DeletionPolicy",), "False")


def test_the_stacks_tags_reach_types_that_have_tags_and_the_resources_own_win() -> None:
    wanted = {"Q": queue(Tags=[{"Key": "a", "Value": "own"}]), "P": parameter("x")}
    tags = [{"Key": "a", "Value": "stack"}, {"Key": "b", "Value": "stack"}]
    found = make_plan(definition(wanted), {}, (), str, tags).changes
    after = {one.logical_id: (one.after or {}).get("Tags") for one in found}
    assert after["Q"] == [{"Key": "a", "Value": "own"}, {"Key": "b", "Value": "stack"}]
    assert after["P"] == {"a": "stack", "b": "stack"}


NAMES = st.sampled_from(["A", "B", "C", "D"])
QUEUES = st.dictionaries(NAMES, st.builds(lambda seconds: queue(DelaySeconds=seconds), st.integers(0, 3)), max_size=4)


@given(QUEUES, QUEUES)
def test_every_difference_is_one_change_and_nothing_else_is(wanted: dict[str, Any], known: dict[str, Any]) -> None:
    wanted = wanted or {"A": queue()}
    found = {one.logical_id: one.action for one in plan(wanted, deployed(**known)).changes}
    expected = dict.fromkeys(wanted.keys() - known.keys(), "Add")
    expected |= dict.fromkeys(known.keys() - wanted.keys(), "Remove")
    expected |= {name: "Modify" for name in wanted.keys() & known.keys() if wanted[name] != known[name]}
    assert found == expected


@given(QUEUES)
def test_what_is_deployed_as_declared_needs_no_change(wanted: dict[str, Any]) -> None:
    wanted = wanted or {"A": queue()}
    assert plan(wanted, deployed(**wanted)).empty


@pytest.mark.parametrize(
    ("resources", "sections", "message"),
    [
        ({"A": {"Type": "AWS::Glue::Job"}, "B": {"Type": "AWS::X::Y"}}, {}, r"AWS::Glue::Job \(A\), AWS::X::Y \(B\)"),
        ({"A": parameter({"Ref": "Nowhere"})}, {}, "Nowhere"),
        ({"A": {**queue(), "DependsOn": "Nowhere"}}, {}, "Nowhere"),
        ({"A": {**queue(), "Condition": "Nowhere"}}, {}, "Nowhere"),
        ({"A": queue()}, {"Outputs": {"O": {"Value": {"Fn::GetAtt": ["A", "Nothing"]}}}}, "attribute type Nothing"),
        ({"A": queue()}, {"Outputs": {"O": {"Value": {"Ref": "Nowhere"}}}}, "Outputs block"),
        (
            {"A": {**queue(), "Condition": "No"}, "B": parameter({"Ref": "A"})},
            {"Conditions": {"No": {"Fn::Equals": [1, 2]}}},
            r"\[A\]",
        ),
    ],
)
def test_a_template_that_cannot_work_is_refused_early(resources: Any, sections: Any, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        definition(resources, **sections)
