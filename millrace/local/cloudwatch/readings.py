"""The values that an alarm or GetMetricData looks at: of one metric and statistic, or of metric math over several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from millrace.local.cloudwatch.datapoints import STATISTICS
from millrace.local.cloudwatch.expression import MathError, Node, names, parse
from millrace.local.cloudwatch.metric_math import Computation, Series
from millrace.local.cloudwatch.metrics import Metric, Metrics


@dataclass(frozen=True)
class Stat:
    """One statistic of one metric per period."""

    metric: Metric
    statistic: str
    period: int
    unit: str | None = None

    @classmethod
    def of_query(cls, account: str, region: str, stat: Mapping[str, Any]) -> Stat:
        """From the API's MetricStat."""
        named = stat["Metric"]
        metric = Metric.of(account, region, named["Namespace"], named["MetricName"], named.get("Dimensions") or ())
        return cls(metric, stat["Stat"], stat["Period"], stat.get("Unit"))

    def series(self, metrics: Metrics, windows: Sequence[tuple[float, float]]) -> Series:
        more = self.statistic not in STATISTICS
        found = (metrics.over(self.metric, start, end, unit=self.unit, percentiles=more) for start, end in windows)
        return [point.statistic(self.statistic) if point else None for point in found]


@dataclass(frozen=True)
class Query:
    """One line of a list of metric queries: a metric's statistic or an expression over the others."""

    id: str
    of: Stat | Node
    shown: bool
    label: str = ""


@dataclass(frozen=True)
class Readings:
    """A list of queries over the same period."""

    queries: tuple[Query, ...]
    period: int

    @classmethod
    def of_queries(cls, account: str, region: str, queries: Sequence[Mapping[str, Any]]) -> Readings:
        """From the API's MetricDataQueries; MathError for an expression that is none."""
        made = tuple(
            Query(
                each["Id"],
                Stat.of_query(account, region, each["MetricStat"])
                if "MetricStat" in each
                else parse(each["Expression"]),
                each.get("ReturnData", True),
                each.get("Label", ""),
            )
            for each in queries
        )
        given = [each.get("Period") or (each.get("MetricStat") or {}).get("Period") for each in queries]
        return cls(made, max((period for period in given if period), default=60))

    @property
    def stats(self) -> list[Stat]:
        return [query.of for query in self.queries if isinstance(query.of, Stat)]

    def compute(self, metrics: Metrics, windows: Sequence[tuple[float, float]]) -> dict[str, Series]:
        """The series of every query; the windows come oldest first."""
        found = {each.id: each.of.series(metrics, windows) for each in self.queries if isinstance(each.of, Stat)}
        plain = sorted(found)
        waiting = [each for each in self.queries if not isinstance(each.of, Stat)]
        for query in in_order(waiting):
            computation = Computation(found, plain, self.period, len(windows))
            found[query.id] = computation.series_of(query.of)  # type: ignore[arg-type]
        return found


def in_order(expressions: Sequence[Query]) -> list[Query]:
    """Expressions after those that they refer to; MathError when they go in circles."""
    ids = {each.id for each in expressions}
    made: list[Query] = []
    left = list(expressions)
    while left:
        done = {each.id for each in made}
        ready = [each for each in left if not (names(each.of) & ids) - done]  # type: ignore[arg-type]
        if not ready:
            raise MathError("the expressions refer to each other in a circle: " + ", ".join(each.id for each in left))
        made += ready
        left = [each for each in left if each not in ready]
    return made
