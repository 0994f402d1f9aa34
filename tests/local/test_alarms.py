"""Alarms that are evaluated by the embedded clock. The server is private: its clock is moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.alarm_lab import MINUTE, AlarmLab
from tests.sagemaker_lab import until

HOUR = 3600.0


@pytest.fixture(scope="module")
def server(embedded: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    made = type(embedded)(tmp_path_factory.mktemp("alarms"))
    yield made
    made.stop()


@pytest.fixture
def lab(server: Any) -> AlarmLab:
    return AlarmLab(server).early()


def test_an_alarm_goes_off_when_its_period_is_over_and_comes_back(lab: AlarmLab) -> None:
    name = lab.alarm("errors")
    lab.put(1.0, 1.0)
    assert lab.state(name) == "OK"
    lab.server.advance(MINUTE)
    found = lab.becomes(name, "ALARM")
    assert "1 datapoint [2.0 (" in found["StateReason"]
    assert "was greater than the threshold (1.0) (minimum 1 datapoint for OK -> ALARM" in found["StateReason"]
    # The guide: further periods are looked at as long as there are missing ones.
    lab.server.advance(5 * MINUTE)
    lab.becomes(name, "OK")
    assert lab.history(name) == [
        "Alarm updated from INSUFFICIENT_DATA to OK",
        "Alarm updated from OK to ALARM",
        "Alarm updated from ALARM to OK",
    ]


@pytest.mark.parametrize(
    ("missing", "state"),
    [("notBreaching", "OK"), ("breaching", "ALARM"), ("missing", "INSUFFICIENT_DATA"), ("ignore", "INSUFFICIENT_DATA")],
)
def test_an_alarm_is_looked_at_as_soon_as_it_is_put(lab: AlarmLab, missing: str, state: str) -> None:
    assert lab.state(lab.alarm("new", TreatMissingData=missing)) == state


def test_what_goes_missing_takes_more_periods_than_the_alarm_has(lab: AlarmLab) -> None:
    name = lab.alarm("beat", TreatMissingData="breaching", Threshold=1.0, ComparisonOperator="LessThanThreshold")
    lab.put(1.0)
    lab.server.advance(MINUTE)
    lab.becomes(name, "OK")
    lab.server.advance(MINUTE)
    lab.server.advance(MINUTE)
    assert lab.state(name) == "OK"
    lab.server.advance(2 * MINUTE)
    lab.becomes(name, "ALARM")


def silence(lab: AlarmLab, metric: str) -> dict[str, Any]:
    """No look for two hours, by metric math: a gap counts as 0 at once."""
    stat = {"Metric": {"Namespace": lab.namespace, "MetricName": metric}, "Period": 3600, "Stat": "Sum"}
    return {
        "Metrics": [
            {"Id": "looks", "MetricStat": stat, "ReturnData": False},
            {"Id": "filled", "Expression": "FILL(looks, 0)", "Label": "looks, gaps as 0"},
        ],
        "EvaluationPeriods": 2,
        "Threshold": 1.0,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "breaching",
    }


def test_a_schedule_that_falls_silent_alarms_after_two_hours(lab: AlarmLab) -> None:
    lab.put(1.0, name="looks")
    name = lab.alarm("silent", **silence(lab, "looks"))
    lab.server.advance(HOUR)
    lab.becomes(name, "OK")
    lab.server.advance(HOUR)
    lab.server.advance(HOUR)
    assert "2 out of the last 2 datapoints [0.0 (" in lab.becomes(name, "ALARM")["StateReason"]


def test_moving_the_clock_far_does_not_alarm_for_what_could_not_happen_meanwhile(lab: AlarmLab) -> None:
    lab.put(1.0, name="beats")
    lab.put(1.0, name="stops")
    beating, stopping = (lab.alarm(each, **silence(lab, each)) for each in ("beats", "stops"))
    lab.server.advance(HOUR)
    lab.becomes(beating, "OK")
    lab.becomes(stopping, "OK")
    lab.server.advance(5 * HOUR)
    # As a schedule's function does that the move itself set off.
    lab.put(1.0, name="beats")
    lab.becomes(stopping, "ALARM")
    assert lab.state(beating) == "OK"
    assert "Alarm updated from OK to ALARM" not in lab.history(beating)


def test_what_was_recorded_before_a_move_of_hours_is_seen_in_its_minute(lab: AlarmLab) -> None:
    name = lab.alarm("brief")
    lab.put(5.0)
    lab.server.advance(3 * HOUR)
    changes = until(lambda: lab.history(name)[1:], lambda found: len(found) == 2)
    assert changes == ["Alarm updated from OK to ALARM", "Alarm updated from ALARM to OK"]


def test_some_of_the_last_periods_may_be_enough(lab: AlarmLab) -> None:
    name = lab.alarm("some", EvaluationPeriods=3, DatapointsToAlarm=2)
    strict = lab.alarm("all", EvaluationPeriods=3)
    for value in (5.0, 0.0, 5.0):
        lab.put(value)
        lab.server.advance(MINUTE)
    lab.becomes(name, "ALARM")
    assert lab.state(strict) == "OK"


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        ({"Statistic": "Maximum", "Threshold": 89.0}, "ALARM"),
        ({"Statistic": "Minimum", "Threshold": 1.0}, "OK"),
        ({"Statistic": "SampleCount", "Threshold": 89.0}, "ALARM"),
        ({"Statistic": "Average", "Threshold": 46.0}, "OK"),
        ({"Statistic": None, "ExtendedStatistic": "p90", "Threshold": 80.0}, "ALARM"),
        ({"Statistic": None, "ExtendedStatistic": "p50", "Threshold": 80.0}, "OK"),
        ({"Unit": "Bytes"}, "OK"),
        ({"Unit": "Count"}, "ALARM"),
        ({"Dimensions": [{"Name": "Model", "Value": "other"}]}, "OK"),
    ],
)
def test_an_alarm_looks_at_its_own_statistic_unit_and_dimensions(
    lab: AlarmLab, settings: dict[str, Any], state: str
) -> None:
    lab.put(*map(float, range(1, 91)), Unit="Count")
    name = lab.alarm("statistic", **settings)
    lab.server.advance(MINUTE)
    lab.becomes(name, state)


def test_a_high_resolution_alarm_is_looked_at_every_ten_seconds(lab: AlarmLab) -> None:
    name = lab.alarm("quick", Period=10)
    lab.put(5.0, StorageResolution=1)
    lab.server.advance(12)
    lab.becomes(name, "ALARM")


def test_a_composite_alarm_follows_its_alarms(lab: AlarmLab) -> None:
    one, other = lab.alarm("one"), lab.alarm("other", MetricName="other", TreatMissingData="ignore")
    rule = f'ALARM("{one}") AND NOT ALARM("{other}")'
    composite = f"composite-{one}"
    lab.api.put_composite_alarm(AlarmName=composite, AlarmRule=rule)
    assert lab.state(composite) == "OK"
    lab.put(5.0)
    lab.server.advance(MINUTE)
    assert one in lab.becomes(composite, "ALARM")["StateReason"]
    lab.api.set_alarm_state(AlarmName=other, StateValue="ALARM", StateReason="by hand")
    assert lab.state(composite) == "OK"

    children = lab.api.describe_alarms(ChildrenOfAlarmName=composite)["MetricAlarms"]
    assert {each["AlarmName"] for each in children} == {one, other}
    parents = lab.api.describe_alarms(ParentsOfAlarmName=one, AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert [each["AlarmName"] for each in parents] == [composite]
    with pytest.raises(ClientError, match=f"cannot be deleted: {composite} refers to it"):
        lab.api.delete_alarms(AlarmNames=[one])
    lab.api.delete_alarms(AlarmNames=[one, other, composite])


def test_composite_alarms_do_not_go_in_circles(lab: AlarmLab) -> None:
    inner = lab.alarm("inner")
    lab.api.put_composite_alarm(AlarmName=f"a-{inner}", AlarmRule=f"ALARM({inner})")
    lab.api.put_composite_alarm(AlarmName=f"b-{inner}", AlarmRule=f"ALARM(a-{inner})")
    for rule in (f"ALARM(b-{inner})", f"ALARM(a-{inner})"):
        with pytest.raises(ClientError, match="refers to itself"):
            lab.api.put_composite_alarm(AlarmName=f"a-{inner}", AlarmRule=rule)
    with pytest.raises(ClientError, match="Could not find alarm nobody"):
        lab.api.put_composite_alarm(AlarmName="c", AlarmRule="ALARM(nobody)")


def test_a_state_set_by_hand_lasts_until_the_next_evaluation(lab: AlarmLab) -> None:
    name = lab.alarm("by-hand")
    lab.api.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a drill")
    assert lab.described(name)["StateReason"] == "a drill"
    lab.server.advance(MINUTE)
    lab.becomes(name, "OK")


def test_a_changed_alarm_keeps_its_state_and_is_looked_at_anew(lab: AlarmLab) -> None:
    lab.put(5.0)
    name = lab.alarm("changed", Tags=[{"Key": "team", "Value": "a"}])
    lab.server.advance(MINUTE)
    before = lab.becomes(name, "ALARM")
    shared = {key: before[key] for key in ("Namespace", "MetricName", "Statistic", "Period", "EvaluationPeriods")}
    more = {"ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching"}
    lab.api.put_metric_alarm(AlarmName=name, Threshold=4.0, **shared, **more)
    after = lab.described(name)
    assert (after["StateValue"], after["Threshold"]) == ("ALARM", 4.0)
    assert after["StateTransitionedTimestamp"] == before["StateTransitionedTimestamp"]
    lab.api.put_metric_alarm(AlarmName=name, Threshold=9.0, **shared, **more)
    assert lab.state(name) == "OK"
    assert lab.history(name, "ConfigurationUpdate") == [
        f'Alarm "{name}" {each}' for each in ("created", *["updated"] * 2)
    ]
    assert lab.api.list_tags_for_resource(ResourceARN=before["AlarmArn"])["Tags"] == [{"Key": "team", "Value": "a"}]


def test_alarms_are_found_by_name_prefix_state_action_and_metric(lab: AlarmLab) -> None:
    topic = f"arn:aws:sns:ap-northeast-2:111111111111:{lab.namespace[-8:]}"
    named = [lab.alarm("find", AlarmActions=[topic]) for _ in range(3)]
    loud = lab.alarm("find", TreatMissingData="breaching")

    def found(**wanted: Any) -> set[str]:
        pages = lab.api.get_paginator("describe_alarms").paginate(PaginationConfig={"PageSize": 2}, **wanted)
        return {alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]}

    assert found(AlarmNamePrefix="find-") >= {*named, loud}
    assert found(ActionPrefix=topic) == set(named)
    assert found(AlarmNamePrefix="find-", StateValue="ALARM") == {loud}
    metric = {"Namespace": lab.namespace, "MetricName": "rows"}
    of_metric = lab.api.describe_alarms_for_metric(**metric)["MetricAlarms"]
    assert {alarm["AlarmName"] for alarm in of_metric} == {*named, loud}
    assert lab.api.describe_alarms_for_metric(**metric, Period=300)["MetricAlarms"] == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"Period": 90}, "Period 90 must be 10, 20, 30 or a multiple of 60"),
        ({"Period": 300, "EvaluationPeriods": 289}, "cannot be checked across more than 86400 seconds"),
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm 2 must not be over EvaluationPeriods 1"),
        ({"TreatMissingData": "sometimes"}, "TreatMissingData sometimes is none of missing, ignore"),
        ({"ExtendedStatistic": "p90"}, "exactly one of Statistic and ExtendedStatistic"),
        ({"Statistic": None, "ExtendedStatistic": "tm99"}, "has no statistic tm99"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "does not compare by GreaterThanUpperThreshold"),
        ({"Threshold": None}, "Threshold must be a number"),
        ({"AlarmActions": ["arn:aws:automate:ap-northeast-2:ec2:stop"]}, "SNS topics and Lambda functions"),
        ({"Metrics": [{"Id": "E", "Expression": "m1 * 2"}]}, "Id E must begin with a lower-case letter"),
        ({"Metrics": [{"Id": "e", "Expression": "m1 * 2"}]}, "e: no metric or expression has the id m1"),
        ({"Metrics": [{"Id": "e", "Expression": "SEARCH('x')"}]}, "has no function SEARCH"),
    ],
)
def test_an_alarm_that_could_not_be_evaluated_is_refused(lab: AlarmLab, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ClientError) as caught:
        lab.alarm("refused", **settings)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert said in caught.value.response["Error"]["Message"]


def test_an_unknown_alarm_is_told_and_no_other_one_deleted(lab: AlarmLab) -> None:
    name = lab.alarm("kept")
    with pytest.raises(ClientError) as caught:
        lab.api.delete_alarms(AlarmNames=[name, "nobody"])
    assert caught.value.response["Error"]["Code"] == "ResourceNotFound"
    assert lab.state(name) == "OK"
    lab.api.delete_alarms(AlarmNames=[name])
    assert lab.api.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []


def test_what_cloudwatch_does_not_have_here_is_refused(lab: AlarmLab) -> None:
    with pytest.raises(ClientError, match="does not have cloudwatch:DescribeAnomalyDetectors"):
        lab.api.describe_anomaly_detectors()


def test_alarms_and_metrics_survive_a_restart(embedded_factory: Callable[..., Any]) -> None:
    first = embedded_factory()
    lab = AlarmLab(first)
    lab.put(5.0)
    name = lab.alarm("kept", Tags=[{"Key": "team", "Value": "a"}])
    lab.api.put_dashboard(DashboardName="board", DashboardBody='{"widgets": []}')
    first.stop()

    again = AlarmLab(embedded_factory(first.folder))
    assert again.history(name)[:1] == ["Alarm updated from INSUFFICIENT_DATA to OK"]
    again.server.advance(MINUTE)
    arn = again.becomes(name, "ALARM")["AlarmArn"]
    assert again.api.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "a"}]
    assert again.api.get_dashboard(DashboardName="board")["DashboardBody"] == '{"widgets": []}'
