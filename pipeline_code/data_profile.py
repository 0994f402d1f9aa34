"""What the rows of a part look like, column by column, and how far other rows have drifted from that.

Train ships the profile of its validation part in model.tar.gz (profile.json); Evaluate sets the champion's profile
against this run's test rows. (Named so because `profile` is a module of the standard library.)
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import row_sketch
from features import Columns, DataError, Distinct, FeatureTransform, Values, parse_numbers
from numpy.typing import NDArray

VERSION = 1
MOST_VALUES = 20
MODERATE, STRONG = 0.1, 0.25
"""The usual bounds of the population stability index: above them a column has drifted, or drifted far."""


@dataclass(frozen=True)
class ColumnProfile:
    """`shares` belongs to the bins between `edges` (numeric) or to `values` and then all others (categorical)."""

    name: str
    kind: str
    missing: float
    shares: tuple[float, ...]
    edges: tuple[float, ...] = ()
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drift:
    """How far one column moved; `sentence` is empty where it did not."""

    column: str
    psi: float
    sentence: str


@dataclass(frozen=True)
class Profile:
    rows: int
    missing: tuple[str, ...]  # the markers
    columns: tuple[ColumnProfile, ...]
    row_hashes: tuple[int, ...] = ()  # a sample, see row_sketch.py

    def drift(self, rows: Columns) -> tuple[Drift, ...]:
        """The columns of the profile that `rows` has too, the furthest first."""
        found = [self._drift_of(column, rows[column.name]) for column in self.columns if column.name in rows]
        return tuple(sorted(found, key=lambda each: (-each.psi, each.column)))

    def _drift_of(self, column: ColumnProfile, values: Values) -> Drift:
        try:
            now = _shares_like(column, values, self.missing)
        except DataError:
            return Drift(column.name, math.inf, f"{column.name} was numeric before and holds other values now.")
        before = np.array([*column.shares, column.missing])
        chance = 1 / max(self.rows, 1) + 1 / max(len(values), 1)
        index = _stability_index(before, now, 0.5 * chance)
        bins = int(np.count_nonzero((before > 0) | (now > 0))) - 1
        by_chance = (bins + 3 * math.sqrt(2 * max(bins, 0))) * chance
        return Drift(column.name, index, _sentence(column, index, by_chance, before, now))

    def to_json(self) -> str:
        return json.dumps({"version": VERSION, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Profile:
        raw: dict[str, Any] = json.loads(text)
        if raw.get("version") != VERSION:
            raise ValueError(f"profile.json has version {raw.get('version')!r}, this code reads {VERSION}")
        columns = tuple(_from_json(column) for column in raw["columns"])
        return cls(raw["rows"], tuple(raw["missing"]), columns, tuple(raw["row_hashes"]))


def profile_of(rows: Columns, transform: FeatureTransform) -> Profile:
    """The profile of the features and the label."""
    markers = transform.missing
    kinds = {column.name: column.kind for column in transform.columns}
    kinds[transform.label] = "numeric" if transform.problem == "regression" else "categorical"
    found = [
        _numeric(name, _numbers(rows[name], name=name, missing=markers))
        if kind == "numeric"
        else _categorical(name, _text_counts(rows[name]), markers)
        for name, kind in kinds.items()
    ]
    hashes = row_sketch.sketch(rows, (*transform.names, transform.label))
    return Profile(len(rows[transform.label]), markers, tuple(found), hashes)


def _from_json(raw: Mapping[str, Any]) -> ColumnProfile:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in raw.items()}
    return ColumnProfile(**values)


def _numeric(name: str, numbers: NDArray[np.float64]) -> ColumnProfile:
    known = numbers[~np.isnan(numbers)]
    deciles = np.unique(np.quantile(known, np.arange(1, 10) / 10)) if len(known) else np.empty(0)
    missing, shares = _numeric_shares(numbers, deciles)
    return ColumnProfile(name, "numeric", missing, shares, edges=tuple(float(edge) for edge in deciles))


def _numeric_shares(numbers: NDArray[np.float64], edges: NDArray[np.float64]) -> tuple[float, tuple[float, ...]]:
    known = numbers[~np.isnan(numbers)]
    counts = np.bincount(np.searchsorted(edges, known), minlength=len(edges) + 1)
    total = max(len(numbers), 1)
    return (len(numbers) - len(known)) / total, tuple(float(count) / total for count in counts)


def _categorical(name: str, counts: Mapping[str, int], missing: Sequence[str]) -> ColumnProfile:
    held = {text: count for text, count in counts.items() if text not in missing}
    values = tuple(sorted(held, key=lambda text: (-held[text], text))[:MOST_VALUES])
    absent, shares = _categorical_shares(counts, values, missing)
    return ColumnProfile(name, "categorical", absent, shares, values=values)


def _categorical_shares(
    counts: Mapping[str, int], values: Sequence[str], missing: Sequence[str]
) -> tuple[float, tuple[float, ...]]:
    total = max(sum(counts.values()), 1)
    absent = sum(count for text, count in counts.items() if text in missing)
    listed = [counts.get(text, 0) for text in values]
    others = sum(counts.values()) - absent - sum(listed)
    return absent / total, tuple(count / total for count in (*listed, others))


def _shares_like(column: ColumnProfile, values: Values, missing: Sequence[str]) -> NDArray[np.float64]:
    if column.kind == "numeric":
        numbers = _numbers(values, name=column.name, missing=missing)
        absent, shares = _numeric_shares(numbers, np.array(column.edges))
    else:
        absent, shares = _categorical_shares(_text_counts(values), column.values, missing)
    return np.array([*shares, absent])


def _stability_index(before: NDArray[np.float64], now: NDArray[np.float64], least: float) -> float:
    """An empty bin counts as holding about half a row, so that the logarithm stays finite."""
    old, new = np.maximum(before, least), np.maximum(now, least)
    return float(np.sum((new - old) * np.log(new / old)))


def _sentence(
    column: ColumnProfile, index: float, by_chance: float, before: NDArray[np.float64], now: NDArray[np.float64]
) -> str:
    if index <= max(MODERATE, by_chance):
        return ""
    most = int(np.argmax(np.abs(now - before)))
    how = "has drifted far" if index > STRONG else "has drifted"
    return (
        f"{column.name} {how} (stability index {index:.2f}): {_bin_name(column, most)} in {now[most]:.1%} of the "
        f"rows, {before[most]:.1%} before."
    )


def _bin_name(column: ColumnProfile, place: int) -> str:
    if place == len(column.shares):
        return "missing"
    if column.kind == "categorical":
        return repr(column.values[place]) if place < len(column.values) else "other values"
    if not column.edges:
        return "some value"
    if place == 0:
        return f"at most {column.edges[0]:g}"
    if place == len(column.edges):
        return f"above {column.edges[-1]:g}"
    return f"above {column.edges[place - 1]:g} up to {column.edges[place]:g}"


def _numbers(values: Values, *, name: str, missing: Sequence[str]) -> NDArray[np.float64]:
    if isinstance(values, np.ndarray):
        return values
    texts = Distinct.of(values)
    return parse_numbers(texts.values, column=name, missing=frozenset(missing))[texts.codes]


def _text_counts(values: Values) -> dict[str, int]:
    if isinstance(values, np.ndarray):
        found, counts = np.unique(values, return_counts=True)
        return {f"{value:g}": int(count) for value, count in zip(found, counts, strict=True)}
    texts = Distinct.of(values)
    counts = np.bincount(texts.codes, minlength=len(texts.values))
    held: dict[str, int] = {}
    for text, count in zip(texts.values, counts, strict=True):
        held[text] = held.get(text, 0) + int(count)
    return held
