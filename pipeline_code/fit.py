"""What each instance of Preprocess learns of the training rows, and how that becomes one transform.

Preprocess writes features/fit-<host>.json; Train merges them. Counts add up, so the transform does not depend on how
the rows were shared out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from features import MAX_CATEGORIES, Column, DataError, FeatureTransform

VERSION = 1
MOST_COUNTED = 10_000
"""Of a column with more values only the most frequent are passed on; the transform takes MAX_CATEGORIES of them."""


@dataclass(frozen=True)
class Fit:
    """What one instance saw.

    rows: rows by part. min_rows: how many there must be; 0 asks for none, not even in each part. categories: training
    rows by value, missing markers left out, for each categorical feature. labels: rows by part and class
    (classification only).
    """

    model: str
    problem: str
    label: str
    classes: tuple[str, ...]
    missing: tuple[str, ...]
    order: tuple[str, ...]
    numeric: tuple[str, ...]
    ignored: tuple[str, ...]
    segments: tuple[str, ...]
    rows: Mapping[str, int]
    labels: Mapping[str, Mapping[str, int]]
    categories: Mapping[str, Mapping[str, int]]
    min_rows: int = 0

    def to_json(self) -> str:
        limited = {name: dict(_most_frequent(counts, MOST_COUNTED)) for name, counts in self.categories.items()}
        values = {**asdict(self), "categories": limited}
        return json.dumps({"version": VERSION, **values}, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Fit:
        raw: dict[str, Any] = json.loads(text)
        version = raw.pop("version", None)
        if version != VERSION:
            raise ValueError(f"the fit has version {version!r}, this code reads {VERSION}: run Preprocess again")
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in raw.items()}
        return cls(**values)

    def transform(self) -> FeatureTransform:
        """The transform: each categorical feature keeps its most frequent values."""
        return FeatureTransform(
            model=self.model,
            problem=self.problem,
            label=self.label,
            classes=self.classes,
            missing=self.missing,
            columns=tuple(self._column(name) for name in self.order),
            ignored=self.ignored,
            segments=self.segments,
        )

    def _column(self, name: str) -> Column:
        if name in self.numeric:
            return Column(name, "numeric")
        kept = _most_frequent(self.categories.get(name, {}), MAX_CATEGORIES)
        return Column(name, "categorical", tuple(sorted(value for value, _ in kept)))


def merge(fits: Iterable[Fit]) -> Fit:
    """The fit of all rows; an instance that got no row may not know the columns' order, so one with rows tells it."""
    every = list(fits)
    filled = [fit for fit in every if sum(fit.rows.values())] or every[:1]
    if not filled:
        raise DataError("there is no fit to merge; it must come from the Preprocess step")
    first = filled[0]
    for other in filled[1:]:
        if set(other.order) != set(first.order) or other.label != first.label:
            raise DataError("the instances of Preprocess disagree about the features; run Preprocess again")
    return replace(
        first,
        rows=_sum(fit.rows for fit in filled),
        labels=_sum_each(fit.labels for fit in filled),
        categories=_sum_each(fit.categories for fit in filled),
    )


def read_fit(folder: Path) -> Fit:
    """The merged fit of all fit-*.json in the folder."""
    paths = sorted(folder.glob("fit-*.json"))
    if not paths:
        raise DataError(f"{folder} holds no fit-*.json; it must come from the Preprocess step")
    return merge(Fit.from_json(path.read_text(encoding="utf-8")) for path in paths)


def _most_frequent(counts: Mapping[str, int], most: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total = Counter[str]()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items()))


def _sum_each(counts: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    every = list(counts)
    names = dict.fromkeys(name for each in every for name in each)
    return {name: _sum(each[name] for each in every if name in each) for name in names}
