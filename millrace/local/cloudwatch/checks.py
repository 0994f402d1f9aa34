"""What CloudWatch refuses when alarms are put or metric data come: every violation of a request at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from millrace.local.cloudwatch import composite
from millrace.local.cloudwatch.actions import is_action
from millrace.local.cloudwatch.alarm import ACTIONS, HIGH_RESOLUTION
from millrace.local.cloudwatch.composite import RuleError
from millrace.local.cloudwatch.datapoints import PERCENTILE, is_statistic
from millrace.local.cloudwatch.evaluation import COMPARISONS, TREATMENTS
from millrace.local.cloudwatch.expression import MathError, Node, names, parse
from millrace.local.service import ServiceError

Params = Mapping[str, Any]
DAY, WEEK, HOUR = 86400, 604800, 3600
MOST_ACTIONS = 5
NOT_HERE = (
    "ThresholdMetricId",
    "EvaluationCriteria",
    "EvaluationInterval",
    "WarmUpConfiguration",
    "ActionConfiguration",
    "ActionsSuppressor",
    "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod",
)
OF_ONE_METRIC = ("MetricName", "Namespace", "Period", "Statistic", "ExtendedStatistic", "Dimensions", "Unit")


def check_metric_alarm(params: Params) -> None:
    _raise([*_common(params), *_evaluation(params), *(_queries(params) if params.get("Metrics") else _metric(params))])


def check_composite_alarm(params: Params) -> None:
    found = list(_common(params))
    try:
        if not composite.parse(params["AlarmRule"]).alarms():
            found.append("AlarmRule must refer to at least one alarm")
    except RuleError as error:
        found.append(f"AlarmRule is invalid: {error}")
    _raise(found)


def _raise(found: Sequence[str]) -> None:
    if found:
        raise ServiceError("ValidationError", "; ".join(found))


def _common(params: Params) -> Iterator[str]:
    for name in NOT_HERE:
        if params.get(name) is not None:
            yield f"the embedded AWS has no {name} of alarms"
    if "WallClockWindow" in (params.get("EvaluationWindow") or {}):
        yield "the embedded AWS has no WallClockWindow of alarms"
    for name in ACTIONS.values():
        given = params.get(name) or ()
        if len(given) > MOST_ACTIONS:
            yield f"{name} has {len(given)} members; allowed are {MOST_ACTIONS}"
        for arn in given:
            if not is_action(arn):
                yield f"{name}: the embedded AWS has no action on {arn}; it has SNS topics and Lambda functions"


def _evaluation(params: Params) -> Iterator[str]:
    if "ComparisonOperator" not in params or "EvaluationPeriods" not in params:
        yield "ComparisonOperator and EvaluationPeriods are required"
        return
    if params["ComparisonOperator"] not in COMPARISONS:
        yield f"the embedded AWS does not compare by {params['ComparisonOperator']}; it has {', '.join(COMPARISONS)}"
    if params.get("Threshold") is None or not math.isfinite(params["Threshold"]):
        yield "Threshold must be a number"
    periods = params["EvaluationPeriods"]
    if (params.get("DatapointsToAlarm") or 1) > periods:
        yield f"DatapointsToAlarm {params['DatapointsToAlarm']} must not be over EvaluationPeriods {periods}"
    if (params.get("TreatMissingData") or TREATMENTS[0]) not in TREATMENTS:
        yield f"TreatMissingData {params['TreatMissingData']} is none of {', '.join(TREATMENTS)}"
    if (params.get("EvaluateLowSampleCountPercentile") or "evaluate") != "evaluate":
        yield "the embedded AWS only evaluates percentiles of few samples (EvaluateLowSampleCountPercentile evaluate)"


def _metric(params: Params) -> Iterator[str]:
    for name in ("MetricName", "Namespace", "Period"):
        if not params.get(name):
            yield f"{name} is required"
    if bool(params.get("Statistic")) == bool(params.get("ExtendedStatistic")):
        yield "exactly one of Statistic and ExtendedStatistic is required"
    if params.get("ExtendedStatistic") and not PERCENTILE.match(params["ExtendedStatistic"]):
        yield f"the embedded AWS has no statistic {params['ExtendedStatistic']}; it has percentiles such as p99.9"
    yield from _period(params.get("Period") or 60, params.get("EvaluationPeriods") or 1)


def _period(period: int, periods: int) -> Iterator[str]:
    if period not in HIGH_RESOLUTION and (period < 60 or period % 60):
        yield f"Period {period} must be 10, 20, 30 or a multiple of 60"
    most = WEEK if period >= HOUR else DAY
    if period * periods > most:
        yield f"Metrics cannot be checked across more than {most} seconds (EvaluationPeriods * Period)"


def _queries(params: Params) -> Iterator[str]:
    queries = params["Metrics"]
    if given := [name for name in OF_ONE_METRIC if params.get(name)]:
        yield f"Metrics and {', '.join(given)} cannot be given together"
    if sum(each.get("ReturnData", True) for each in queries) != 1:
        yield "exactly one element of Metrics must have ReturnData true"
    yield from check_queries(queries)
    periods = {int(each["MetricStat"]["Period"]) for each in queries if "MetricStat" in each}
    if len(periods) > 1:
        yield f"all metrics of an alarm must have the same Period, not {', '.join(map(str, sorted(periods)))}"
    for period in periods:
        yield from _period(period, params.get("EvaluationPeriods") or 1)


def check_queries(queries: Sequence[Params]) -> Iterator[str]:
    """Violations in a list of metric queries, of an alarm or GetMetricData."""
    ids = [each["Id"] for each in queries]
    for name in sorted({each for each in ids if ids.count(each) > 1}):
        yield f"Id {name} is given more than once"
    for each in queries:
        name = each["Id"]
        if not name[:1].islower() or not name.replace("_", "a").isalnum():
            yield f"Id {name} must begin with a lower-case letter, then letters, digits and underscores"
        if ("MetricStat" in each) == ("Expression" in each):
            yield f"{name}: exactly one of MetricStat and Expression is required"
        elif "MetricStat" in each:
            if not is_statistic(each["MetricStat"]["Stat"]):
                yield f"{name}: the embedded AWS has no statistic {each['MetricStat']['Stat']}"
        else:
            yield from _expression(name, each["Expression"], ids)


def _expression(name: str, text: str, ids: Sequence[str]) -> Iterator[str]:
    try:
        tree: Node = parse(text)
    except MathError as error:
        yield f"{name}: {error}"
        return
    if unknown := sorted(names(tree) - set(ids)):
        yield f"{name}: no metric or expression has the id {', '.join(unknown)}"
