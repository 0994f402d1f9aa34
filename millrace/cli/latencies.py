"""How long requests took, in bins that grow by a fiftieth, so that any number of them needs the same memory."""

from __future__ import annotations

import math
from typing import Any

LEAST, GROWTH, BINS = 0.001, 1.02, 1200
"""Milliseconds: from a microsecond to some hours."""
SHOWN = 60


class Latencies:
    def __init__(self) -> None:
        self._counts = [0] * BINS
        self._greatest = 0.0

    def note(self, milliseconds: float, times: int = 1) -> None:
        self._counts[_bin(milliseconds)] += times
        self._greatest = max(self._greatest, milliseconds)

    @property
    def total(self) -> int:
        return sum(self._counts)

    def percentile(self, share: float) -> float:
        """Exact to 2 %."""
        rank, seen = share * self.total, 0
        for place, count in enumerate(self._counts):
            seen += count
            if count and seen >= rank:
                return min(_edge(place + 1), self._greatest)
        return self._greatest

    def told(self) -> dict[str, Any]:
        """For the report: percentiles, and a histogram of at most `SHOWN` bins."""
        held = [place for place, count in enumerate(self._counts) if count]
        first, last = (held[0], held[-1] + 1) if held else (0, 1)
        step = max(1, math.ceil((last - first) / SHOWN))
        starts = range(first, last, step)
        return {
            "p50": self.percentile(0.5),
            "p90": self.percentile(0.9),
            "p99": self.percentile(0.99),
            "greatest": self._greatest,
            "edges": [_edge(start) for start in (*starts, starts[-1] + step)],
            "counts": [sum(self._counts[start : start + step]) for start in starts],
        }


def _bin(milliseconds: float) -> int:
    if milliseconds <= LEAST:
        return 0
    return min(BINS - 1, int(math.log(milliseconds / LEAST) / math.log(GROWTH)))


def _edge(place: int) -> float:
    return LEAST * GROWTH**place
