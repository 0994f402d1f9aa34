"""Metrics that callers put and read, by boto3 and by the AWS CLI; dashboards."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.alarm_lab import ACCOUNT, REGION, AlarmLab
from tests.iam_lab import allow

DAY = 86400


@pytest.fixture
def lab(embedded: Any) -> AlarmLab:
    return AlarmLab(embedded)


def span(lab: AlarmLab, seconds: float = 600) -> dict[str, datetime]:
    now = lab.now()
    return {
        "StartTime": datetime.fromtimestamp(now - seconds, UTC),
        "EndTime": datetime.fromtimestamp(now + 60, UTC),
    }


def test_statistics_are_told_by_period_and_unit(lab: AlarmLab) -> None:
    earlier = datetime.fromtimestamp(lab.now() - 300, UTC)
    lab.put(1.0, 2.0, 9.0, Unit="Count", Timestamp=earlier)
    lab.put(7.0, Unit="Bytes", Timestamp=earlier)
    answer = lab.api.get_metric_statistics(
        Namespace=lab.namespace,
        MetricName="rows",
        Period=60,
        Statistics=["Sum", "Average", "SampleCount"],
        **span(lab),
    )
    of_bytes, counts = sorted(answer["Datapoints"], key=lambda point: point["Unit"])
    assert (of_bytes["Unit"], of_bytes["Sum"]) == ("Bytes", 7.0)
    assert (counts["Sum"], counts["Average"], counts["SampleCount"]) == (12.0, 4.0, 3.0)
    assert counts["Timestamp"] == earlier.replace(second=0, microsecond=0)
    percentiles = lab.api.get_metric_statistics(
        Namespace=lab.namespace,
        MetricName="rows",
        Period=60,
        ExtendedStatistics=["p50"],
        Unit="Count",
        **span(lab),
    )
    assert [point["ExtendedStatistics"] for point in percentiles["Datapoints"]] == [{"p50": 2.0}]


def test_values_with_counts_and_statistic_sets_are_put_at_once(lab: AlarmLab) -> None:
    lab.api.put_metric_data(
        Namespace=lab.namespace,
        MetricData=[
            {"MetricName": "rows", "Values": [1.0, 5.0], "Counts": [3.0, 1.0]},
            {
                "MetricName": "rows",
                "StatisticValues": {"SampleCount": 2, "Sum": 20, "Minimum": 8, "Maximum": 12},
            },
        ],
    )
    assert lab.statistic(lab.namespace, "rows", "Sum", {}) == [28.0]
    assert lab.statistic(lab.namespace, "rows", "SampleCount", {}) == [6.0]
    assert lab.statistic(lab.namespace, "rows", "Maximum", {}) == [12.0]


def test_a_large_request_may_come_compressed(lab: AlarmLab) -> None:
    lab.put(*[1.0] * 900)
    assert sum(lab.statistic(lab.namespace, "rows", "Sum", {})) == 900


def test_metric_data_are_computed_over_several_metrics(lab: AlarmLab) -> None:
    moment = datetime.fromtimestamp(lab.now(), UTC)
    lab.put(8.0, Timestamp=moment)
    lab.put(2.0, name="errors", Timestamp=moment)

    def stat(name: str) -> dict[str, Any]:
        return {"Metric": {"Namespace": lab.namespace, "MetricName": name}, "Period": 60, "Stat": "Sum"}

    queries = [
        {"Id": "share", "Expression": "errors / rows * 100", "Label": "percent"},
        {"Id": "rows", "MetricStat": stat("rows")},
        {"Id": "errors", "MetricStat": stat("errors"), "ReturnData": False},
    ]
    results = lab.api.get_metric_data(MetricDataQueries=queries, **span(lab))["MetricDataResults"]
    assert [(each["Id"], each["Label"], each["Values"]) for each in results] == [
        ("share", "percent", [25.0]),
        ("rows", "rows", [8.0]),
    ]


def test_metrics_are_listed_by_their_dimensions(lab: AlarmLab) -> None:
    for model in ("a", "b"):
        lab.put(1.0, Dimensions=[{"Name": "Model", "Value": model}])
    lab.put(1.0)
    everything = lab.api.list_metrics(Namespace=lab.namespace)["Metrics"]
    assert [each["Dimensions"] for each in everything] == [
        [],
        [{"Name": "Model", "Value": "a"}],
        [{"Name": "Model", "Value": "b"}],
    ]
    wanted = [{"Name": "Model", "Value": "b"}]
    assert lab.api.list_metrics(Namespace=lab.namespace, Dimensions=wanted)["Metrics"] == [everything[2]]
    assert len(lab.api.list_metrics(Namespace=lab.namespace, Dimensions=[{"Name": "Model"}])["Metrics"]) == 2


@pytest.mark.parametrize(
    ("datum", "said"),
    [
        ({}, "exactly one of Value, Values and StatisticValues"),
        ({"Value": 1.0, "Values": [1.0]}, "exactly one of Value, Values and StatisticValues"),
        ({"Value": float("nan")}, "not a number"),
        ({"Values": [1.0], "Counts": [1.0, 2.0]}, "as many Counts as Values"),
        ({"Value": 1.0, "Timestamp": datetime(2020, 1, 1, tzinfo=UTC)}, "within the last two weeks"),
    ],
)
def test_data_that_cloudwatch_refuses_are_refused(lab: AlarmLab, datum: dict[str, Any], said: str) -> None:
    with pytest.raises(ClientError, match=said):
        lab.api.put_metric_data(Namespace=lab.namespace, MetricData=[{"MetricName": "rows", **datum}])
    assert lab.api.list_metrics(Namespace=lab.namespace)["Metrics"] == []


def test_the_namespaces_of_aws_are_its_own(lab: AlarmLab) -> None:
    with pytest.raises(ClientError, match="reserved for AWS services"):
        lab.api.put_metric_data(Namespace="AWS/SQS", MetricData=[{"MetricName": "rows", "Value": 1.0}])


def test_a_role_may_put_into_the_namespace_that_its_policy_names(lab: AlarmLab) -> None:
    only = allow("cloudwatch:PutMetricData", StringEquals={"cloudwatch:namespace": lab.namespace})
    data = [{"MetricName": "rows", "Value": 1.0}]
    with lab.limited(only) as api:
        api.put_metric_data(Namespace=lab.namespace, MetricData=data)
        with pytest.raises(ClientError, match="not authorized to perform: cloudwatch:PutMetricData"):
            api.put_metric_data(Namespace="Other", MetricData=data)


def test_alarms_are_decided_by_name_and_tag(lab: AlarmLab) -> None:
    own, other = lab.alarm("own", Tags=[{"Key": "team", "Value": "a"}]), lab.alarm("other")
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:"
    named = allow("cloudwatch:DisableAlarmActions", on=f"{arn}{other}")
    tagged = allow("cloudwatch:DeleteAlarms", StringEquals={"aws:ResourceTag/team": "a"})
    with lab.limited(named, tagged) as api:
        api.disable_alarm_actions(AlarmNames=[other])
        with pytest.raises(ClientError, match=f"cloudwatch:DisableAlarmActions on resource: {arn}{own}"):
            api.disable_alarm_actions(AlarmNames=[own])
        with pytest.raises(ClientError, match=f"cloudwatch:DeleteAlarms on resource: {arn}{other}"):
            api.delete_alarms(AlarmNames=[own, other])
        api.delete_alarms(AlarmNames=[own])


def test_the_aws_cli_puts_and_reads(lab: AlarmLab) -> None:
    def aws(*arguments: str) -> str:
        command = [str(Path(sys.executable).with_name("aws")), "--endpoint-url", lab.server.url, "cloudwatch"]
        return subprocess.run(
            [*command, *arguments], env=lab.server.env(), capture_output=True, text=True, check=True
        ).stdout

    aws("put-metric-data", "--namespace", lab.namespace, "--metric-name", "rows", "--value", "3")
    listed = json.loads(aws("list-metrics", "--namespace", lab.namespace))
    assert listed == {"Metrics": [{"Namespace": lab.namespace, "MetricName": "rows", "Dimensions": []}]}


def test_dashboards_are_kept_and_must_be_json(lab: AlarmLab) -> None:
    name = lab.namespace.replace("/", "-")
    with pytest.raises(ClientError, match="must be a valid JSON object"):
        lab.api.put_dashboard(DashboardName=name, DashboardBody="{")
    lab.api.put_dashboard(DashboardName=name, DashboardBody='{"widgets": []}')
    assert lab.api.get_dashboard(DashboardName=name)["DashboardBody"] == '{"widgets": []}'
    [entry] = lab.api.list_dashboards(DashboardNamePrefix=name)["DashboardEntries"]
    assert (entry["DashboardName"], entry["Size"]) == (name, 15)
    lab.api.delete_dashboards(DashboardNames=[name])
    with pytest.raises(ClientError, match="does not exist"):
        lab.api.get_dashboard(DashboardName=name)
