"""Signs that a column should not be a feature (it gives the label away, or only numbers the rows) or rows come twice.

They are reported with the model and stop nothing; called by evaluate.py on the test rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import row_sketch
from data_profile import Profile
from features import Column, Columns, Distinct, FeatureTransform, parse_numbers
from metrics import auc_of
from numpy.typing import NDArray

ALONE = 0.98
"""A single feature with such an AUC, R2 or share of right guesses explains the label alone."""
FEWEST_ROWS = 20
FEWEST_OF_VALUE = 5
BY_CHANCE = 1e-6
ID_SHARE = 0.95
ID_SPREAD = 20
DOMINANT = 0.9
FEWEST_TWICE = 3
BINS = 20


@dataclass(frozen=True)
class Suspect:
    code: str  # explains-label, value-implies-class, id-like, dominant, duplicates
    column: str  # empty where it is about the rows
    sentence: str


def suspects_of(
    transform: FeatureTransform,
    rows: Columns,
    labels: NDArray[Any],
    *,
    gains: Mapping[str, float],
    validation: Profile | None = None,
) -> list[Suspect]:
    """`validation` is the profile that came with the model."""
    found = [suspect for column in transform.columns for suspect in _of_column(column, transform, rows, labels)]
    top, share = next(iter(gains.items()), ("", 0.0))
    if share >= DOMINANT and len(gains) > 2:
        sentence = f"{share:.0%} of what the model learned comes from {top} alone: check that it is known in time."
        found.append(Suspect("dominant", top, sentence))
    known = validation.row_hashes if validation else ()
    twice, compared = row_sketch.shared_rows(known, rows, (*transform.names, transform.label))
    if twice >= FEWEST_TWICE:
        sentence = (
            f"{twice:,} of {compared:,} test rows that were compared stand in the validation part too, value for "
            "value: the same cases under several keys make a model look better than it is."
        )
        found.append(Suspect("duplicates", "", sentence))
    return found


def _of_column(column: Column, transform: FeatureTransform, rows: Columns, labels: NDArray[Any]) -> Iterator[Suspect]:
    if len(labels) < FEWEST_ROWS or len(np.unique(labels)) < 2:
        return
    if column.kind == "numeric":
        numbers = _numbers(column.name, transform, rows)
        yield from _numeric_explains(column.name, numbers, labels, transform.problem)
        yield from _numbers_rows(column.name, numbers)
    else:
        texts = _texts(column.name, transform, rows)
        yield from _values_explain(column.name, texts, labels, transform)
        yield from _names_rows(column.name, texts)


def _numeric_explains(name: str, numbers: NDArray[np.float64], labels: NDArray[Any], problem: str) -> Iterator[Suspect]:
    known = ~np.isnan(numbers)
    value, truth = numbers[known], labels[known]
    if np.count_nonzero(known) < FEWEST_ROWS or len(np.unique(value)) < 2 or len(np.unique(truth)) < 2:
        return
    if problem == "binary":
        found, measure = auc_of(truth, value), "AUC"
        found = max(found, 1 - found)
    elif problem == "regression":
        found, measure = _correlation(value, truth) ** 2, "R2"
    else:
        edges = np.unique(np.quantile(value, np.arange(1, BINS) / BINS))
        found, measure = _beyond_chance(np.searchsorted(edges, value), truth), "share of right guesses"
    if found >= ALONE:
        yield _explains(name, f"{measure} {found:.3f}")


def _values_explain(name: str, texts: Distinct, labels: NDArray[Any], transform: FeatureTransform) -> Iterator[Suspect]:
    known = texts.codes >= 0
    codes, truth = texts.codes[known], labels[known]
    if len(codes) < FEWEST_ROWS or len(np.unique(codes)) > len(codes) / 10:
        return
    if transform.problem == "regression":
        found = _between(codes, truth)
        if found >= ALONE:
            yield _explains(name, f"R2 {found:.3f}")
        return
    found = _beyond_chance(codes, truth)
    if found >= ALONE:
        yield _explains(name, f"share of right guesses {found:.3f}")
        return
    yield from _implied_classes(name, texts, codes, truth, transform)


def _implied_classes(
    name: str, texts: Distinct, codes: NDArray[np.int32], truth: NDArray[Any], transform: FeatureTransform
) -> Iterator[Suspect]:
    """Values whose rows are all of one class, if they hold half of it and chance would not do that."""
    table: NDArray[np.int64] = np.zeros((len(texts.values), int(truth.max()) + 1), dtype=np.int64)
    np.add.at(table, (codes, truth), 1)
    of_class, of_value = table.sum(axis=0), table.sum(axis=1)
    for place in np.flatnonzero(of_value >= FEWEST_OF_VALUE).tolist():
        group = int(table[place].argmax())
        inside, prevalence = int(table[place, group]), of_class[group] / len(truth)
        pure = inside == of_value[place] and inside >= of_class[group] / 2
        if pure and inside * np.log(prevalence) < np.log(BY_CHANCE):
            label = transform.classes[group] if transform.classes else str(group)
            yield Suspect(
                "value-implies-class",
                name,
                f"All {inside:,} rows with {name} {texts.values[place]!r} have the label {label!r}, "
                f"{inside / of_class[group]:.0%} of that class: check that it is known before the label is.",
            )


def _names_rows(name: str, texts: Distinct) -> Iterator[Suspect]:
    codes = texts.codes[texts.codes >= 0]
    distinct = len(np.unique(codes))
    if len(codes) >= FEWEST_ROWS and distinct >= ID_SHARE * len(codes):
        yield Suspect(
            "id-like",
            name,
            f"{name} has {distinct:,} values in {len(codes):,} rows: it names the rows and is no feature.",
        )


def _numbers_rows(name: str, numbers: NDArray[np.float64]) -> Iterator[Suspect]:
    """Whole numbers, all different, in a range that is not much wider than the rows are many."""
    if len(numbers) < 5 * FEWEST_ROWS or np.isnan(numbers).any() or (numbers % 1 != 0).any():
        return
    if len(np.unique(numbers)) == len(numbers) and np.ptp(numbers) <= ID_SPREAD * len(numbers):
        yield Suspect(
            "id-like", name, f"{name} is a different whole number in each row: it counts the rows and is no feature."
        )


def _explains(name: str, how: str) -> Suspect:
    return Suspect(
        "explains-label",
        name,
        f"{name} alone explains the label ({how}): check that it is known before the label is.",
    )


def _beyond_chance(codes: NDArray[Any], truth: NDArray[Any]) -> float:
    """Share of right guesses by each group's most frequent class; scaled so that always guessing one class gives 0."""
    _, classes = np.unique(truth, return_inverse=True)
    _, groups = np.unique(codes, return_inverse=True)
    table: NDArray[np.int64] = np.zeros((groups.max() + 1, classes.max() + 1), dtype=np.int64)
    np.add.at(table, (groups, classes), 1)
    most = table.sum(axis=0).max() / len(truth)
    return float((table.max(axis=1).sum() / len(truth) - most) / (1 - most)) if most < 1 else 0.0


def _between(codes: NDArray[np.int32], truth: NDArray[np.float64]) -> float:
    """The share of the label's variation that lies between the groups."""
    counts, shifted = np.bincount(codes), truth - truth.mean()
    sums = np.bincount(codes, weights=shifted)
    total = float(np.sum(shifted**2))
    return float(np.sum(sums[counts > 0] ** 2 / counts[counts > 0]) / total) if total else 0.0


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    a, b = one / np.abs(one).max() if one.any() else one, other
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt(np.sum(a**2) * np.sum(b**2)))
    return float(np.sum(a * b)) / size if size else 0.0


def _numbers(name: str, transform: FeatureTransform, rows: Columns) -> NDArray[np.float64]:
    values = rows[name]
    if isinstance(values, np.ndarray):
        return values
    texts = Distinct.of(values)
    return parse_numbers(texts.values, column=name, missing=frozenset(transform.missing))[texts.codes]


def _texts(name: str, transform: FeatureTransform, rows: Columns) -> Distinct:
    """What is missing has the code -1."""
    texts = Distinct.of(rows[name])
    marked = np.array([-1 if text in transform.missing else place for place, text in enumerate(texts.values)] or [-1])
    codes = marked[texts.codes].astype(np.int32)
    return Distinct(texts.values, codes)
