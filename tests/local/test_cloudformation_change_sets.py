"""Change sets as the CDK's command line uses them: made by name and stack, looked at, executed, thrown away."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.cloudformation_lab import Lab, arguments, queue, refused, ssm

NAME = "cdk-deploy-change-set"


@pytest.fixture
def lab(embedded: Any) -> Lab:
    return Lab(embedded)


def prepare(lab: Lab, stack: str, kind: str, resources: dict[str, Any], **rest: Any) -> dict[str, Any]:
    lab.api.create_change_set(
        StackName=lab.name(stack), ChangeSetName=NAME, ChangeSetType=kind, **arguments(resources, rest)
    )
    return dict(lab.api.describe_change_set(StackName=lab.name(stack), ChangeSetName=NAME, IncludePropertyValues=True))


def execute(lab: Lab, stack: str) -> dict[str, Any]:
    lab.api.execute_change_set(StackName=lab.name(stack), ChangeSetName=NAME)
    return lab.ended(stack)


def changes(described: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    found = [change["ResourceChange"] for change in described["Changes"]]
    return {one["LogicalResourceId"]: (one["Action"], one.get("Replacement")) for one in found}


def test_a_stack_is_made_and_changed_by_change_sets_of_one_name(lab: Lab) -> None:
    first = prepare(lab, "sets", "CREATE", {"Queue": queue()})
    assert (first["Status"], changes(first)) == ("CREATE_COMPLETE", {"Queue": ("Add", None)})
    assert execute(lab, "sets")["StackStatus"] == "CREATE_COMPLETE"
    second = prepare(lab, "sets", "UPDATE", {"Queue": queue(VisibilityTimeout=9), "More": ssm(lab.name("/s"), "x")})
    assert changes(second) == {"Queue": ("Modify", "False"), "More": ("Add", None)}
    assert execute(lab, "sets")["StackStatus"] == "UPDATE_COMPLETE"


def test_a_change_set_tells_what_is_replaced_and_with_which_values(lab: Lab) -> None:
    reader = ssm(lab.name("/tells"), {"Ref": "Queue"})
    lab.create("tells", {"Queue": queue(QueueName=lab.name("a")), "Reader": reader, "Gone": queue()})
    described = prepare(lab, "tells", "UPDATE", {"Queue": queue(QueueName=lab.name("b")), "Reader": reader})
    assert changes(described) == {
        "Queue": ("Modify", "True"),
        "Reader": ("Modify", "False"),
        "Gone": ("Remove", None),
    }
    by_name = {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in described["Changes"]}
    target = by_name["Queue"]["Details"][0]["Target"]
    assert (target["BeforeValue"], target["AfterValue"]) == (lab.name("a"), lab.name("b"))
    assert target["RequiresRecreation"] == "Always"
    assert json.loads(by_name["Reader"]["AfterContext"])["Properties"]["Value"] == "{{changeSet:KNOWN_AFTER_APPLY}}"
    assert by_name["Reader"]["Details"][0]["Evaluation"] == "Dynamic"


def test_a_change_set_without_changes_fails_with_the_words_that_clients_look_for(lab: Lab) -> None:
    lab.create("nothing", {"Queue": queue()})
    described = prepare(lab, "nothing", "UPDATE", {"Queue": queue()})
    assert described["Status"] == "FAILED"
    assert "didn't contain changes" in described["StatusReason"]
    assert "cannot be executed" in refused(execute, lab, "nothing")
    lab.api.delete_change_set(StackName=lab.name("nothing"), ChangeSetName=NAME)
    assert lab.api.list_change_sets(StackName=lab.name("nothing"))["Summaries"] == []


def test_a_stack_may_begin_empty_when_conditions_leave_everything_out(lab: Lab) -> None:
    resources = {"Later": {**queue(), "Condition": "Never"}}
    described = prepare(lab, "empty", "CREATE", resources, conditions={"Never": {"Fn::Equals": ["a", "b"]}})
    assert described["Status"] == "CREATE_COMPLETE"
    assert execute(lab, "empty")["StackStatus"] == "CREATE_COMPLETE"


def test_a_missing_change_set_is_change_set_not_found(lab: Lab) -> None:
    lab.create("missing", {"Queue": queue()})
    with pytest.raises(ClientError) as caught:
        lab.api.describe_change_set(StackName=lab.name("missing"), ChangeSetName=NAME)
    assert caught.value.response["Error"]["Code"] == "ChangeSetNotFound"


def test_a_stack_under_review_can_be_deleted(lab: Lab) -> None:
    prepare(lab, "review", "CREATE", {"Queue": queue()})
    status = lab.api.describe_stacks(StackName=lab.name("review"))["Stacks"][0]["StackStatus"]
    assert status == "REVIEW_IN_PROGRESS"
    lab.delete("review")
    assert "does not exist" in refused(lab.api.describe_stacks, StackName=lab.name("review"))


def test_a_failing_change_set_of_a_new_stack_rolls_back(lab: Lab) -> None:
    prepare(lab, "badset", "CREATE", {"Bad": queue(QueueName="not a name")})
    assert execute(lab, "badset")["StackStatus"] == "ROLLBACK_COMPLETE"
