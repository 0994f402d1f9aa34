"""CloudWatch's operations on metrics: callers put and read data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from millrace.local.cloudwatch.checks import check_queries
from millrace.local.cloudwatch.expression import MathError
from millrace.local.cloudwatch.metrics import MINUTE, SECOND, Metric, Metrics
from millrace.local.cloudwatch.pages import page
from millrace.local.cloudwatch.readings import Readings
from millrace.local.service import Caller, Handler, ServiceError
from millrace.local.world import World

MOST_DATA = 1000
MOST_VALUES = 150
MOST_DIMENSIONS = 30
MOST_DATAPOINTS = 1440
LISTED_AT_ONCE = 500
OLDEST_SECONDS = 14 * 86400
EARLIEST_SECONDS = 2 * 3600
LARGEST = 2.0**360


class MetricOperations:
    """PutMetricData, GetMetricData, GetMetricStatistics, ListMetrics."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._metrics: Metrics = world.metrics

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "GetMetricData": self.get_data,
            "GetMetricStatistics": self.get_statistics,
            "ListMetrics": self.list,
            "PutMetricData": self.put,
        }

    def put(self, caller: Caller, params: dict[str, Any]) -> None:
        namespace, data = params["Namespace"], list(params.get("MetricData") or ())
        for entity in params.get("EntityMetricData") or ():
            data += entity.get("MetricData") or ()
        if namespace.startswith("AWS/"):
            raise _invalid("The value AWS/ for parameter Namespace is invalid: it is reserved for AWS services.")
        if not data:
            raise ServiceError("MissingParameter", "The parameter MetricData is required.")
        if len(data) > MOST_DATA:
            raise _invalid(f"The collection MetricData must not have a size greater than {MOST_DATA}.")
        now = self._world.clock.now()
        if found := [text for place, each in enumerate(data, 1) for text in _violations(each, now, place)]:
            raise _invalid(" ".join(found))
        for each in data:
            metric = Metric.of(
                caller.account, caller.region, namespace, each["MetricName"], each.get("Dimensions") or ()
            )
            self._record(metric, each)

    def _record(self, metric: Metric, each: dict[str, Any]) -> None:
        stamp = each.get("Timestamp")
        unit = each.get("Unit") or "None"
        at = stamp.timestamp() if stamp else None
        resolution = SECOND if each.get("StorageResolution") == SECOND else MINUTE
        if given := each.get("StatisticValues"):
            self._metrics.record_set(metric, given, unit=unit, at=at, resolution=resolution)
            return
        values = each.get("Values") or [each["Value"]]
        for value, count in zip(values, each.get("Counts") or [1.0] * len(values), strict=True):
            self._metrics.record(metric, value, count=count, unit=unit, at=at, resolution=resolution)

    def get_statistics(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        period, plain = params["Period"], params.get("Statistics") or []
        extended = params.get("ExtendedStatistics") or []
        if not plain and not extended:
            raise ServiceError("InvalidParameterCombination", "Statistics or ExtendedStatistics is required")
        start, end = _aligned(params["StartTime"], params["EndTime"], period)
        if (end - start) / period > MOST_DATAPOINTS:
            raise ServiceError(
                "InvalidParameterCombination",
                f"You have requested up to {int((end - start) / period)} datapoints, which exceeds the limit of "
                f"{MOST_DATAPOINTS}. You may reduce the datapoints requested by increasing Period, or decreasing "
                "the time range.",
            )
        names = (params["Namespace"], params["MetricName"], params.get("Dimensions") or ())
        metric = Metric.of(caller.account, caller.region, *names)
        units = [params["Unit"]] if params.get("Unit") else self._metrics.units(metric)
        points = []
        for moment in self._starts(metric, start, end, period):
            for unit in units:
                point = self._metrics.over(metric, moment, moment + period, unit=unit, percentiles=bool(extended))
                if point is not None:
                    shown = {name: point.statistic(name) for name in plain}
                    more = {name: point.statistic(name) for name in extended}
                    shown |= {"Timestamp": moment, "Unit": unit}  # type: ignore[dict-item]
                    points.append(shown | ({"ExtendedStatistics": more} if more else {}))
        return {"Label": metric.name, "Datapoints": points}

    def _starts(self, metric: Metric, start: float, end: float, period: int) -> list[int]:
        """The periods that have data."""
        return sorted({int(each - (each - start) % period) for each in self._metrics.moments(metric, start, end)})

    def get_data(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        queries = params["MetricDataQueries"]
        if found := list(check_queries(queries)):
            raise ServiceError("ValidationError", "; ".join(found))
        try:
            readings = Readings.of_queries(caller.account, caller.region, queries)
            start, end = _aligned(params["StartTime"], params["EndTime"], readings.period)
            moments = [start + place * readings.period for place in range(math.ceil((end - start) / readings.period))]
            computed = readings.compute(self._metrics, [(each, each + readings.period) for each in moments])
        except MathError as error:
            raise ServiceError("ValidationError", str(error)) from error
        results = []
        for query in readings.queries:
            pairs = [
                (each, value) for each, value in zip(moments, computed[query.id], strict=True) if value is not None
            ]
            if params.get("ScanBy") != "TimestampAscending":
                pairs.reverse()
            label = query.label or (query.of.metric.name if hasattr(query.of, "metric") else query.id)
            if query.shown:
                results.append(
                    {
                        "Id": query.id,
                        "Label": label,
                        "Timestamps": [each for each, _ in pairs],
                        "Values": [value for _, value in pairs],
                        "StatusCode": "Complete",
                    }
                )
        return {"MetricDataResults": results, "Messages": []}

    def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        wanted = [(each["Name"], each.get("Value")) for each in params.get("Dimensions") or ()]
        recent = params.get("RecentlyActive") == "PT3H"
        found = [
            metric
            for metric in self._metrics.known(caller.account, caller.region, recent=recent)
            if metric.namespace == params.get("Namespace", metric.namespace)
            and metric.name == params.get("MetricName", metric.name)
            and all(
                any(name == own and (value is None or value == has) for own, has in metric.dimensions)
                for name, value in wanted
            )
        ]
        shown, following = page(found, params, most=LISTED_AT_ONCE)
        return {"Metrics": [metric.shown() for metric in shown], **following}


def _violations(each: dict[str, Any], now: float, place: int) -> Iterator[str]:
    where = f"MetricData.member.{place}"
    given = [name for name in ("Value", "Values", "StatisticValues") if each.get(name) is not None]
    if len(given) != 1:
        yield f"{where} must have exactly one of Value, Values and StatisticValues."
        return
    values = [each["Value"]] if "Value" in given else each.get("Values") or list(each["StatisticValues"].values())
    if any(not math.isfinite(value) or abs(value) > LARGEST for value in values):
        yield f"{where} has a value that is not a number from -2^360 to 2^360."
    counts = each.get("Counts")
    if len(values) > MOST_VALUES or (counts is not None and len(counts) != len(values)):
        yield f"{where} may have {MOST_VALUES} Values, and as many Counts as Values."
    if len(each.get("Dimensions") or ()) > MOST_DIMENSIONS:
        yield f"{where} may have {MOST_DIMENSIONS} Dimensions."
    stamp: datetime | None = each.get("Timestamp")
    if stamp is not None and not now - OLDEST_SECONDS <= stamp.timestamp() <= now + EARLIEST_SECONDS:
        yield f"{where}.Timestamp {stamp} must be within the last two weeks and not more than two hours ahead."


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValue", message)


def _aligned(start: datetime, end: datetime, period: int) -> tuple[int, float]:
    """Periods begin at multiples of their length."""
    first, last = int(start.timestamp()), end.timestamp()
    if last <= first:
        raise ServiceError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    return first - first % period, last
