"""What CloudWatch keeps of the values of one period, and the statistics it makes of them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

PERCENTILE = re.compile(r"^p(\d{1,2}(?:\.\d{1,10})?|100)$")
# Beyond this many different values they are kept to three digits; percentiles then are approximate, as AWS's are.
MOST_VALUES = 2000


@dataclass
class Datapoint:
    """Count, sum and extremes; `values` (value -> how often) is there for percentiles alone."""

    count: float = 0.0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    values: Counter[float] | None = field(default_factory=Counter)

    def add(self, value: float, count: float = 1.0) -> None:
        self._take(count, value * count, value, value)
        if self.values is not None:
            self.values[value] += count  # type: ignore[assignment]  # counts may be fractions
            if len(self.values) > MOST_VALUES:
                self.values = _coarse(self.values)

    def add_set(self, *, count: float, total: float, low: float, high: float) -> None:
        """A statistic set: without its values no percentile can be told, unless they are all the same."""
        if low == high:
            self.add(low, count)
            return
        self._take(count, total, low, high)
        self.values = None

    def _take(self, count: float, total: float, low: float, high: float) -> None:
        self.count += count
        self.total += total
        self.low = min(self.low, low)
        self.high = max(self.high, high)

    def statistic(self, name: str) -> float | None:
        """The value of a statistic such as Sum or p99; None when it cannot be told."""
        if not self.count:
            return None
        if name == "Average":
            return self.total / self.count
        plain = {"SampleCount": self.count, "Sum": self.total, "Minimum": self.low, "Maximum": self.high}
        return plain[name] if name in plain else self._percentile(name)

    def _percentile(self, name: str) -> float | None:
        found = PERCENTILE.match(name)
        if found is None or self.values is None:
            return None
        wanted, seen = float(found[1]) / 100 * self.count, 0.0
        for value, count in sorted(self.values.items()):
            seen += count
            if seen >= wanted:
                return value
        return self.high


def combined(points: Iterable[Datapoint], *, percentiles: bool = True) -> Datapoint | None:
    """One datapoint of several, None of none; bringing the single values together costs more than all the rest."""
    made: Datapoint | None = None
    for point in points:
        made = made or Datapoint(values=Counter() if percentiles else None)
        made._take(point.count, point.total, point.low, point.high)
        if made.values is not None:
            made.values = None if point.values is None else made.values + point.values
    return made


def is_statistic(name: str) -> bool:
    return name in STATISTICS or PERCENTILE.match(name) is not None


def _coarse(values: Counter[float]) -> Counter[float]:
    made: Counter[float] = Counter()
    for value, count in values.items():
        made[float(f"{value:.2e}")] += count
    return made


STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
