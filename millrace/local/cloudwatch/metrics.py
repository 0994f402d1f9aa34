"""The metrics of all accounts: the services of the embedded AWS record here, PutMetricData does, alarms read.

`World.metrics` is the one instance. Datapoints are kept for 15 days of the embedded clock, by the minute or, where
a caller asked for high resolution, by the second.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from millrace.local.clock import Clock
from millrace.local.cloudwatch.datapoints import Datapoint, combined

KEPT_SECONDS = 15 * 86400
MINUTE, SECOND = 60, 1
RECENT_SECONDS = 3 * 3600
LISTED_SECONDS = 14 * 86400


@dataclass(frozen=True, order=True)
class Metric:
    """A metric's identity: every combination of dimensions is a metric of its own."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(
        cls, account: str, region: str, namespace: str, name: str, dimensions: Iterable[Mapping[str, str]]
    ) -> Metric:
        """From the API's list of dimensions."""
        pairs = sorted((each["Name"], each["Value"]) for each in dimensions)
        return cls(account, region, namespace, name, tuple(pairs))

    def shown(self) -> dict[str, Any]:
        pairs = [{"Name": name, "Value": value} for name, value in self.dimensions]
        return {"Namespace": self.namespace, "MetricName": self.name, "Dimensions": pairs}


@dataclass
class Track:
    """The datapoints of one metric and unit, by the second they begin at."""

    starts: list[int] = field(default_factory=list)
    points: dict[int, Datapoint] = field(default_factory=dict)

    def at(self, start: int) -> Datapoint:
        point = self.points.get(start)
        if point is None:
            point = self.points[start] = Datapoint()
            insort(self.starts, start)
        return point

    def between(self, start: float, end: float) -> list[Datapoint]:
        first, last = bisect_left(self.starts, start), bisect_left(self.starts, end)
        return [self.points[each] for each in self.starts[first:last]]

    def forget_before(self, moment: float) -> None:
        if self.starts and self.starts[0] < moment:
            gone = bisect_right(self.starts, moment)
            for start in self.starts[:gone]:
                del self.points[start]
            del self.starts[:gone]


class Metrics:
    """Records and answers; safe to use from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tracks: dict[Metric, dict[str, Track]] = {}

    def publish(
        self,
        namespace: str,
        *,
        account: str,
        region: str,
        dimensions: Iterable[Mapping[str, str]],
        values: Mapping[str, tuple[float, str]],
        at: float | None = None,
    ) -> None:
        """What an AWS service publishes of itself: each value (with its unit) under each set of dimensions."""
        with self._lock:
            now = self._clock.now()
            for names in dimensions:
                pairs = tuple(sorted(names.items()))
                for name, (value, unit) in values.items():
                    metric = Metric(account, region, namespace, name, pairs)
                    self._point(metric, unit, now, at, MINUTE).add(value)

    def record(
        self,
        metric: Metric,
        value: float,
        *,
        count: float = 1.0,
        unit: str = "None",
        at: float | None = None,
        resolution: int = MINUTE,
    ) -> None:
        with self._lock:
            self._point(metric, unit, self._clock.now(), at, resolution).add(value, count)

    def record_set(
        self, metric: Metric, given: Mapping[str, float], *, unit: str, at: float | None, resolution: int
    ) -> None:
        """A statistic set as PutMetricData takes it."""
        with self._lock:
            self._point(metric, unit, self._clock.now(), at, resolution).add_set(
                count=given["SampleCount"], total=given["Sum"], low=given["Minimum"], high=given["Maximum"]
            )

    def _point(self, metric: Metric, unit: str, now: float, at: float | None, resolution: int) -> Datapoint:
        moment = int(now if at is None else at)
        track = self._tracks.setdefault(metric, {}).setdefault(unit, Track())
        track.forget_before(now - KEPT_SECONDS)
        return track.at(moment - moment % resolution)

    def over(
        self, metric: Metric, start: float, end: float, *, unit: str | None = None, percentiles: bool = False
    ) -> Datapoint | None:
        """Everything recorded from `start` up to, not including, `end`; None when nothing was."""
        with self._lock:
            tracks = self._tracks.get(metric, {})
            chosen = [tracks[unit]] if unit in tracks else [] if unit else list(tracks.values())
            points = (point for track in chosen for point in track.between(start, end))
            return combined(points, percentiles=percentiles)

    def units(self, metric: Metric) -> list[str]:
        with self._lock:
            return sorted(self._tracks.get(metric, {}))

    def moments(self, metric: Metric, start: float, end: float) -> list[int]:
        """When datapoints begin."""
        with self._lock:
            tracks = list(self._tracks.get(metric, {}).values())
            return sorted({each for track in tracks for each in track.starts if start <= each < end})

    def known(self, account: str, region: str, *, recent: bool = False) -> list[Metric]:
        """The metrics of an account and region that had data in the last two weeks, or three hours."""
        since = self._clock.now() - (RECENT_SECONDS if recent else LISTED_SECONDS)
        with self._lock:
            return sorted(
                metric
                for metric, tracks in self._tracks.items()
                if (metric.account, metric.region) == (account, region)
                and any(track.starts and track.starts[-1] >= since for track in tracks.values())
            )

    def dump(self) -> list[tuple[Metric, str, dict[int, tuple[Any, ...]]]]:
        with self._lock:
            return [
                (metric, unit, {start: _packed(point) for start, point in track.points.items()})
                for metric, tracks in self._tracks.items()
                for unit, track in tracks.items()
            ]

    def load(self, content: list[tuple[Metric, str, dict[int, tuple[Any, ...]]]]) -> None:
        with self._lock:
            for metric, unit, points in content:
                made = {start: Datapoint(*packed) for start, packed in points.items()}
                self._tracks.setdefault(metric, {})[unit] = Track(sorted(made), made)


def _packed(point: Datapoint) -> tuple[Any, ...]:
    values = None if point.values is None else point.values.copy()
    return point.count, point.total, point.low, point.high, values
