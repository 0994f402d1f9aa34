"""What an alarm tells of a change: the message to a topic, the input of a function, the event, the history's data."""

from __future__ import annotations

import functools
import json
from typing import Any

from millrace.local.cloudwatch.alarm import COMPOSITE_ALARM, Alarm, State
from millrace.local.cloudwatch.readings import Query, Stat
from millrace.local.cloudwatch.reasons import long_text
from millrace.local.models import shared_session

SUBJECT_CHARACTERS = 100


@functools.cache
def region_name(region: str) -> str:
    """AWS's name of a region, such as Asia Pacific (Seoul)."""
    for partition in shared_session().get_data("endpoints")["partitions"]:
        if region in partition["regions"]:
            return str(partition["regions"][region]["description"])
    return region


def subject(alarm: Alarm) -> str:
    text = f'{alarm.state.value}: "{alarm.name}" in {region_name(alarm.region)}'
    return text if len(text) <= SUBJECT_CHARACTERS else f"{text[: SUBJECT_CHARACTERS - 3]}..."


def message(before: Alarm, after: Alarm) -> str:
    """The JSON text that a topic gets."""
    body: dict[str, Any] = {
        "AlarmName": after.name,
        "AlarmDescription": after.settings.get("AlarmDescription"),
        "AWSAccountId": after.account,
        "AlarmConfigurationUpdatedTimestamp": long_text(after.configured),
        "NewStateValue": after.state.value,
        "NewStateReason": after.state.reason,
        "StateChangeTime": long_text(after.state.updated),
        "Region": region_name(after.region),
        "AlarmArn": after.arn,
        "OldStateValue": before.state.value,
        "OKActions": list(after.actions("OK")),
        "AlarmActions": list(after.actions("ALARM")),
        "InsufficientDataActions": list(after.actions("INSUFFICIENT_DATA")),
    }
    if after.kind == COMPOSITE_ALARM:
        body["AlarmRule"] = after.settings["AlarmRule"]
    else:
        body["Trigger"] = _trigger(after)
    return json.dumps(body, ensure_ascii=False)


def _trigger(alarm: Alarm) -> dict[str, Any]:
    rule, readings = alarm.rule, alarm.readings
    made: dict[str, Any] = {
        "Period": readings.period,
        "EvaluationPeriods": rule.periods,
        "DatapointsToAlarm": rule.needed,
        "ComparisonOperator": rule.comparison,
        "Threshold": rule.threshold,
        "TreatMissingData": rule.missing,
        "EvaluateLowSampleCountPercentile": alarm.settings.get("EvaluateLowSampleCountPercentile", ""),
    }
    if alarm.settings.get("Metrics"):
        return made | {"Metrics": alarm.settings["Metrics"]}
    stat = alarm.watched.of
    assert isinstance(stat, Stat)
    kind = "Statistic" if stat.statistic.isalpha() else "ExtendedStatistic"
    return {
        "MetricName": stat.metric.name,
        "Namespace": stat.metric.namespace,
        "StatisticType": kind,
        kind: stat.statistic.upper() if kind == "Statistic" else stat.statistic,
        "Unit": stat.unit,
        "Dimensions": [{"value": value, "name": name} for name, value in stat.metric.dimensions],
        **made,
    }


def state_detail(state: State) -> dict[str, Any]:
    made = {"value": state.value, "reason": state.reason, "timestamp": long_text(state.updated)}
    return made | ({"reasonData": state.data} if state.data else {})


def configuration(alarm: Alarm) -> dict[str, Any]:
    """The alarm's configuration as its events have it."""
    made: dict[str, Any] = {"alarmName": alarm.name} if alarm.kind == COMPOSITE_ALARM else {}
    if alarm.settings.get("AlarmDescription"):
        made["description"] = alarm.settings["AlarmDescription"]
    if alarm.kind == COMPOSITE_ALARM:
        return made | {"alarmRule": alarm.settings["AlarmRule"]}
    return made | {"metrics": [_metric(query, alarm) for query in alarm.readings.queries]}


def _metric(query: Query, alarm: Alarm) -> dict[str, Any]:
    made: dict[str, Any] = {"id": query.id, "returnData": query.shown}
    if isinstance(query.of, Stat):
        metric = query.of.metric
        named = {"namespace": metric.namespace, "name": metric.name, "dimensions": dict(metric.dimensions)}
        return made | {"metricStat": {"metric": named, "period": query.of.period, "stat": query.of.statistic}}
    given = next(each for each in alarm.settings["Metrics"] if each["Id"] == query.id)
    return made | {"expression": given["Expression"], "label": query.label or given["Expression"]}


def event(before: Alarm, after: Alarm) -> dict[str, Any]:
    """The detail of "CloudWatch Alarm State Change"."""
    return {
        "alarmName": after.name,
        "state": state_detail(after.state),
        "previousState": state_detail(before.state),
        "configuration": configuration(after),
    }


def function_input(before: Alarm, after: Alarm) -> dict[str, Any]:
    """What a Lambda function is invoked with."""
    return {
        "source": "aws.cloudwatch",
        "alarmArn": after.arn,
        "accountId": after.account,
        "time": long_text(after.state.updated),
        "region": after.region,
        "alarmData": event(before, after),
    }


def history(before: Alarm, after: Alarm) -> str:
    """The data of a StateUpdate in the alarm's history."""
    return json.dumps(
        {
            "version": "1.0",
            "oldState": {"stateValue": before.state.value, "stateReason": before.state.reason},
            "newState": {
                "stateValue": after.state.value,
                "stateReason": after.state.reason,
                **({"stateReasonData": json.loads(after.state.data)} if after.state.data else {}),
            },
        }
    )
