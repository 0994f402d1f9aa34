"""Alarms and dashboards of stacks: made, changed in place, replaced and deleted; they really go off."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.local.cloudformation_lab import Lab

SILENT = {
    "EvaluationPeriods": 2,
    "Threshold": 1,
    "ComparisonOperator": "LessThanThreshold",
    "TreatMissingData": "breaching",
    "Metrics": [
        {"Id": "expr_1", "Expression": "FILL(looks, 0)", "Label": "looks"},
        {
            "Id": "looks",
            "MetricStat": {"Metric": {"Namespace": "Tests", "MetricName": "looks"}, "Period": 3600, "Stat": "Sum"},
            "ReturnData": False,
        },
    ],
}


def plain(**more: Any) -> dict[str, Any]:
    made = {
        "Namespace": "Tests",
        "MetricName": "errors",
        "Dimensions": [{"Name": "Model", "Value": "claims"}],
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmDescription": "errors",
        "Tags": [{"Key": "team", "Value": "a"}],
    }
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": made | more}


@pytest.fixture
def lab(embedded: Any) -> Lab:
    return Lab(embedded)


def alarms(lab: Lab, *names: str) -> list[dict[str, Any]]:
    api = lab.client("cloudwatch")
    found = api.describe_alarms(AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return [*found["MetricAlarms"], *found["CompositeAlarms"]]


def test_a_stack_makes_alarms_of_all_kinds(lab: Lab) -> None:
    stack = lab.create(
        "alarms",
        {
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Plain": plain(AlarmActions=[{"Ref": "Topic"}]),
            "Silent": {"Type": "AWS::CloudWatch::Alarm", "Properties": SILENT},
            "Both": {
                "Type": "AWS::CloudWatch::CompositeAlarm",
                "Properties": {
                    "AlarmName": lab.name("both"),
                    "AlarmRule": {"Fn::Sub": 'ALARM("${Plain}") OR ALARM("${Silent}")'},
                },
            },
        },
        outputs={"Arn": {"Value": {"Fn::GetAtt": ["Plain", "Arn"]}}},
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE", lab.failures("alarms")
    ids = lab.resources("alarms")
    [one, silent, both] = [alarms(lab, ids[each])[0] for each in ("Plain", "Silent", "Both")]
    assert (one["StateValue"], one["AlarmActions"]) == ("OK", [ids["Topic"]])
    assert stack["Outputs"][0]["OutputValue"] == one["AlarmArn"]
    # Nothing has ever looked.
    assert (silent["StateValue"], both["StateValue"]) == ("ALARM", "ALARM")
    assert silent["Metrics"][0]["Expression"] == "FILL(looks, 0)"
    lab.delete("alarms")


def test_an_alarm_is_changed_in_place_or_replaced_and_then_gone(lab: Lab) -> None:
    first, second = f"alarm-{uuid.uuid4().hex[:8]}", f"alarm-{uuid.uuid4().hex[:8]}"
    lab.create("changing", {"A": plain(AlarmName=first)})
    [before] = alarms(lab, first)
    tags = [{"Key": "team", "Value": "b"}]
    ended = lab.update("changing", {"A": plain(AlarmName=first, Threshold=7, AlarmDescription="more", Tags=tags)})
    assert ended["StackStatus"] == "UPDATE_COMPLETE", lab.failures("changing")
    [after] = alarms(lab, first)
    assert (after["Threshold"], after["AlarmDescription"]) == (7.0, "more")
    assert after["AlarmArn"] == before["AlarmArn"]
    assert lab.client("cloudwatch").list_tags_for_resource(ResourceARN=after["AlarmArn"])["Tags"] == tags

    lab.update("changing", {"A": plain(AlarmName=second)})
    assert lab.resources("changing") == {"A": second}
    assert (alarms(lab, first), len(alarms(lab, second))) == ([], 1)
    lab.delete("changing")
    lab.api.get_waiter("stack_delete_complete").wait(StackName=lab.name("changing"), WaiterConfig={"Delay": 1})
    assert alarms(lab, second) == []


def test_an_alarm_that_exists_is_not_taken_over(lab: Lab) -> None:
    name = f"alarm-{uuid.uuid4().hex[:8]}"
    properties = {key: value for key, value in plain()["Properties"].items() if key != "Tags"}
    lab.client("cloudwatch").put_metric_alarm(AlarmName=name, **properties)
    assert lab.create("taken", {"A": plain(AlarmName=name)})["StackStatus"] == "ROLLBACK_COMPLETE"
    assert f"identifier {name} already exists" in lab.reason("taken", "A", "CREATE_FAILED")
    assert len(alarms(lab, name)) == 1


def test_an_alarm_that_cannot_be_evaluated_fails_its_stack(lab: Lab) -> None:
    assert lab.create("odd", {"A": plain(Period=90)})["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "Period 90 must be 10, 20, 30 or a multiple of 60" in lab.reason("odd", "A", "CREATE_FAILED")


def test_a_dashboard_is_kept_and_changed(lab: Lab) -> None:
    def board(title: str) -> dict[str, Any]:
        body = f'{{"widgets": [], "title": "{title}"}}'
        properties = {"DashboardName": lab.name("board"), "DashboardBody": body}
        return {"B": {"Type": "AWS::CloudWatch::Dashboard", "Properties": properties}}

    lab.create("board", board("one"))
    lab.update("board", board("two"))
    found = lab.client("cloudwatch").get_dashboard(DashboardName=lab.name("board"))
    assert '"two"' in found["DashboardBody"]
    lab.delete("board")
