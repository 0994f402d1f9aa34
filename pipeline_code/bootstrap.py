"""How sure a measured figure is: percentile intervals from resampled test rows, the same rows for every model.

A resample is a row of weights, how often each test row was drawn, so that a metric is computed for many resamples at
once and a difference between two models is paired. The seed is fixed: the same rows give the same intervals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

MOST, FEWEST = 1000, 200
ROWS_IN_ALL = 50_000_000
"""Fewer resamples where rows are many: there the intervals are narrow."""
CELLS_AT_ONCE = 1_000_000
TAIL = 2.5


class Measurable(Protocol):
    """A model's answers on the test rows."""

    @property
    def rows(self) -> int: ...

    @property
    def cells(self) -> int:
        """How many numbers one resample needs in memory."""

    def for_resamples(self) -> Self:
        """The same, where it can be had faster and nearly as exactly; for resamples only."""

    def values(self, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Each metric for each row of weights; NaN where it is not defined."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; NaN where it cannot be told."""

    value: float
    low: float
    high: float
    standard_deviation: float

    @classmethod
    def of(cls, value: float, drawn: NDArray[np.float64]) -> Estimate:
        """The interval always holds the value: metrics that are biased in resamples would leave it outside."""
        finite = drawn[np.isfinite(drawn)]
        if not len(finite) or not np.isfinite(value):
            return cls(value, float("nan"), float("nan"), float("nan"))
        low, high = np.percentile(finite, (TAIL, 100 - TAIL))
        return cls(value, min(float(low), value), max(float(high), value), float(np.std(finite)))


@dataclass(frozen=True)
class Measured:
    """The metrics of one model, and what each resample gave for them."""

    values: Mapping[str, float]
    drawn: Mapping[str, NDArray[np.float64]]

    def estimate(self, metric: str) -> Estimate:
        return Estimate.of(self.values[metric], self.drawn[metric])

    def estimates(self) -> dict[str, Estimate]:
        return {metric: self.estimate(metric) for metric in self.values}


@dataclass(frozen=True)
class Difference:
    """Challenger minus champion in one metric; `probability_better` is a share of the resamples."""

    value: float
    low: float
    high: float
    probability_better: float


def resample_count(rows: int) -> int:
    return int(np.clip(ROWS_IN_ALL // max(rows, 1), FEWEST, MOST))


def measure(*models: Measurable, count: int | None = None, seed: int = 0) -> list[Measured]:
    """All models on the same resamples."""
    rows, whole = models[0].rows, np.ones((1, models[0].rows))
    resampled = [model.for_resamples() for model in models]
    cells = max(model.cells for model in resampled)
    values = [{name: float(found[0]) for name, found in model.values(whole).items()} for model in models]
    drawn: list[list[dict[str, NDArray[np.float64]]]] = [[] for _ in models]
    for weights in weight_rows(rows, count or resample_count(rows), cells=cells, seed=seed):
        for model, parts in zip(resampled, drawn, strict=True):
            parts.append(model.values(weights))
    return [Measured(each, _joined(parts)) for each, parts in zip(values, drawn, strict=True)]


def weight_rows(rows: int, count: int, *, cells: int = 0, seed: int = 0) -> Iterator[NDArray[np.float64]]:
    """`count` resamples in blocks that fit into memory: how often each row was drawn."""
    generator = np.random.default_rng(seed)
    block = max(1, CELLS_AT_ONCE // max(rows, cells, 1))
    for start in range(0, count, block):
        size = min(block, count - start)
        drawn = generator.integers(0, rows, (size, rows)) + np.arange(size)[:, None] * rows
        yield np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)


def counted(places: NDArray[np.int64], weights: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """For each resample, the weights of the rows at each place added up."""
    found: NDArray[np.float64] = np.empty((len(weights), size))
    for number, row in enumerate(weights):
        found[number] = np.bincount(places, weights=row, minlength=size)
    return found


def difference(challenger: Measured, champion: Measured, *, metric: str, higher_is_better: bool) -> Difference:
    """Resamples in which the metric is not defined for both do not count."""
    paired = challenger.drawn[metric] - champion.drawn[metric]
    value = challenger.values[metric] - champion.values[metric]
    estimate = Estimate.of(value, paired)
    finite = paired[np.isfinite(paired)]
    better = finite > 0 if higher_is_better else finite < 0
    return Difference(value, estimate.low, estimate.high, float(better.mean()) if len(finite) else 0.0)


def _joined(parts: Sequence[Mapping[str, NDArray[np.float64]]]) -> dict[str, NDArray[np.float64]]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
