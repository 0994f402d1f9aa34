"""How good the model is on parts of the rows: by the values of the columns that the settings name as segments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, Self

import numpy as np
from bootstrap import Estimate, Measurable, measure
from features import Columns, Distinct, Values
from numpy.typing import NDArray

MOST_VALUES = 8
RESAMPLES = 200
METRICS = {
    "binary": ("auc", "recall", "precision"),
    "multiclass": ("accuracy", "macro_f1"),
    "regression": ("rmse", "mae", "bias"),
}


class Sliceable(Measurable, Protocol):
    @property
    def support(self) -> dict[str, int]: ...

    def take(self, rows: NDArray[np.int64]) -> Self: ...


@dataclass(frozen=True)
class Segment:
    """The rows of one value (or range, or all rarer values) of a column."""

    column: str
    value: str
    rows: int
    positives: int | None
    estimates: dict[str, Estimate]


def segments_of(
    scores: Sliceable, rows: Columns, columns: Sequence[str], *, problem: str, missing: Sequence[str]
) -> list[Segment]:
    """Columns that the rows do not have are left out."""
    found = []
    for column in columns:
        for value, places in _groups(rows[column], missing) if column in rows else ():
            part = scores.take(places)
            measured = measure(part, count=RESAMPLES)[0]
            estimates = {name: measured.estimate(name) for name in METRICS[problem]}
            found.append(Segment(column, value, len(places), part.support.get("positives"), estimates))
    return found


def _groups(values: Values, missing: Sequence[str]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    names, codes = _ranges(values) if isinstance(values, np.ndarray) else _texts(Distinct.of(values), missing)
    for code, name in enumerate(names):
        places = np.flatnonzero(codes == code)
        if len(places):
            yield name, places


def _ranges(numbers: NDArray[np.float64]) -> tuple[list[str], NDArray[np.int64]]:
    """Quarters of about as many rows each, and a group for what is missing."""
    known = numbers[~np.isnan(numbers)]
    edges = np.unique(np.quantile(known, (0.25, 0.5, 0.75))) if len(known) else np.empty(0)
    codes = np.where(np.isnan(numbers), len(edges) + 1, np.searchsorted(edges, numbers))
    inner = [f"above {low:g} up to {high:g}" for low, high in pairwise(edges)]
    bounds = [f"up to {edges[0]:g}", *inner, f"above {edges[-1]:g}"] if len(edges) else ["all"]
    return [*bounds, "missing"], codes


def _texts(column: Distinct, missing: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The most frequent values, then all others together, then what is missing."""
    counts = np.bincount(column.codes, minlength=len(column.values))
    present = [place for place in range(len(column.values)) if counts[place] and column.values[place] not in missing]
    ranked = sorted(present, key=lambda place: (-counts[place], column.values[place]))
    shown = ranked[:MOST_VALUES]
    codes_of = np.full(max(len(column.values), 1), len(shown))
    codes_of[shown] = np.arange(len(shown))
    for place, text in enumerate(column.values):
        if text in missing:
            codes_of[place] = len(shown) + 1
    names = [*(column.values[place] for place in shown), f"{len(ranked) - len(shown):,} other values", "missing"]
    return names, codes_of[column.codes]
