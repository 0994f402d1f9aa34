"""The one transform from raw rows to the model's numbers, fitted on the training split only.

Preprocess counts what it needs (fit.py), Train makes features.json of that and ships it with the model; Evaluate and
inference.py read that file and use the same code, so what the model was trained on is what the endpoint computes.
Standard library and numpy only, because the endpoint imports it at start.

A number stays a number, a missing one is NaN. A category becomes one column per category seen in training: a
missing one is NaN in all of them, an unknown one 0 in all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

VERSION = 2
MAX_CATEGORIES = 50
LONGEST_SHOWN = 40
UNKNOWN, MISSING = -1, -2
LARGEST = float(np.finfo(np.float32).max)
USUAL_CLASSES = {"0": 0, "1": 1, "false": 0, "true": 1, "no": 0, "yes": 1}


@dataclass(frozen=True)
class Distinct:
    """A long column of texts as its distinct values and, for each row, the place of its value among them."""

    values: Sequence[str]
    codes: NDArray[np.int32]

    @classmethod
    def of(cls, column: Sequence[str] | Distinct) -> Distinct:
        return column if isinstance(column, Distinct) else cls(column, np.arange(len(column), dtype=np.int32))

    def __len__(self) -> int:
        return len(self.codes)

    def first_row(self, place: int) -> int:
        """The first row, from 1, that holds the value at `place`; 0 if none does."""
        found = self.codes == place
        return int(np.argmax(found)) + 1 if found.any() else 0


Values: TypeAlias = Sequence[str] | Distinct | NDArray[np.float64]
Columns: TypeAlias = Mapping[str, Values]
"""Raw rows by column: texts, or float64 with NaN for what is missing where a numeric column was already read."""


class DataError(Exception):
    """A value or column that the transform cannot take; `row` counts from 1."""

    def __init__(self, message: str, *, column: str | None = None, row: int | None = None) -> None:
        self.message, self.column, self.row = message, column, row
        where = [f"column '{column}'"] if column is not None else []
        where += [f"row {row}"] if row is not None else []
        super().__init__(f"{', '.join(where)}: {message}" if where else message)


@dataclass(frozen=True)
class Column:
    name: str
    kind: str  # "numeric" or "categorical"
    categories: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        return 1 if self.kind == "numeric" else len(self.categories)


@dataclass(frozen=True)
class FeatureTransform:
    model: str
    problem: str  # "binary", "multiclass" or "regression"
    label: str
    missing: tuple[str, ...]
    columns: tuple[Column, ...]
    ignored: tuple[str, ...] = ()  # columns of the raw rows that are no feature: the key, the label, the unused
    classes: tuple[str, ...] = ()  # in the order of their codes; none for regression and for the usual spellings
    segments: tuple[str, ...] = ()  # columns by whose values the model is also measured

    @property
    def names(self) -> tuple[str, ...]:
        """The raw feature columns, in the order of a CSV without header."""
        return tuple(column.name for column in self.columns)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the encoded columns, in the order of the matrix."""
        return tuple(
            name
            for column in self.columns
            for name in ([column.name] if column.kind == "numeric" else _one_hot_names(column))
        )

    @property
    def width(self) -> int:
        """How many columns the matrix has."""
        return sum(column.width for column in self.columns)

    def encode(self, rows: Columns) -> NDArray[np.float32]:
        """One float32 row per raw row."""
        absent = [name for name in self.names if name not in rows]
        if absent:
            raise DataError(f"is missing; needed: {', '.join(self.names)}", column=absent[0])
        missing = frozenset(self.missing)
        matrix: NDArray[np.float32] = np.empty((len(rows[self.names[0]]), self.width), dtype=np.float32)
        start = 0
        for column in self.columns:
            _encode_column(column, rows[column.name], missing, matrix[:, start : start + column.width])
            start += column.width
        return matrix

    def labels(self, rows: Columns) -> NDArray[Any]:
        """The label of each row: int8 codes of classes, or float64 for regression."""
        if self.label not in rows:
            raise DataError("the label is missing", column=self.label)
        column = rows[self.label]
        if isinstance(column, np.ndarray):
            return _numbers_only(column, self)
        texts = Distinct.of(column)
        with _row_of(texts):
            if self.problem == "regression":
                return parse_numbers(texts.values, column=self.label)[texts.codes]
            return parse_classes(texts.values, classes=self.classes, column=self.label)[texts.codes]

    def to_json(self) -> str:
        return json.dumps({"version": VERSION, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> FeatureTransform:
        raw: dict[str, Any] = json.loads(text)
        version = raw.pop("version", None)
        if version != VERSION:
            raise ValueError(f"features.json has version {version!r}, this code reads {VERSION}: train again")
        columns = tuple(Column(c["name"], c["kind"], tuple(c["categories"])) for c in raw.pop("columns"))
        others: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in raw.items()
        }
        return cls(columns=columns, **others)

    @classmethod
    def read(cls, path: Path) -> FeatureTransform:
        return cls.from_json(path.read_text(encoding="utf-8"))


def number_of(text: str) -> float | None:
    """A finite decimal number that a 32-bit float can hold."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if text.isascii() and "_" not in text and abs(value) <= LARGEST else None


def parse_numbers(texts: Sequence[str], *, column: str, missing: frozenset[str] = frozenset()) -> NDArray[np.float64]:
    """The texts as numbers, NaN where a missing marker stands; anything else raises DataError."""
    try:
        numbers = np.array([np.nan if text in missing else float(text) for text in texts], dtype=np.float64)
    except ValueError:
        raise _first_bad_number(texts, column, missing) from None
    joined = "".join(texts)
    suspicious = "_" in joined or not joined.isascii()
    finite = int(np.count_nonzero(np.abs(numbers) <= LARGEST))
    if suspicious or finite + sum(text in missing for text in texts) != len(texts):
        _refuse_odd_numbers(texts, column, missing)
    return numbers


def parse_classes(texts: Sequence[str], *, classes: Sequence[str], column: str) -> NDArray[np.int8]:
    """The code of each text: its place in `classes`, or 0 and 1 for 0/1, no/yes, false/true if there are none."""
    codes = {name: code for code, name in enumerate(classes)} or USUAL_CLASSES
    given = texts if classes else [text.lower() for text in texts]
    try:
        return np.array([codes[text] for text in given], dtype=np.int8)
    except KeyError:
        row = next(i for i, text in enumerate(given) if text not in codes)
        raise DataError(
            f"{_shown(texts[row])} is no class; allowed: {', '.join(codes)}: correct the row",
            column=column,
            row=row + 1,
        ) from None


def _shown(text: str) -> str:
    """The text, or its beginning: a message is no mirror of the data."""
    return repr(text) if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]!r}..."


def _one_hot_names(column: Column) -> list[str]:
    return [f"{column.name}={category}" for category in column.categories]


@contextmanager
def _row_of(column: Distinct) -> Iterator[None]:
    """An error about a distinct value tells the first row that holds it."""
    try:
        yield
    except DataError as error:
        raise DataError(error.message, column=error.column, row=column.first_row((error.row or 1) - 1)) from None


def _encode_column(column: Column, values: Values, missing: frozenset[str], block: NDArray[np.float32]) -> None:
    if isinstance(values, np.ndarray):
        if column.kind != "numeric":
            raise DataError("holds numbers here, but the model takes it as a category", column=column.name)
        block[:, 0] = values
        return
    texts = Distinct.of(values)
    with _row_of(texts):
        if column.kind == "numeric":
            block[:, 0] = parse_numbers(texts.values, column=column.name, missing=missing)[texts.codes]
            return
    codes = {category: code for code, category in enumerate(column.categories)}
    codes.update(dict.fromkeys(missing, MISSING))
    found = np.array([codes.get(text, UNKNOWN) for text in texts.values], dtype=np.int64)[texts.codes]
    block[:] = 0
    known = np.flatnonzero(found >= 0)
    block[known, found[known]] = 1
    block[found == MISSING] = np.nan


def _numbers_only(column: NDArray[np.float64], transform: FeatureTransform) -> NDArray[np.float64]:
    if transform.problem != "regression":
        raise DataError("holds numbers here, but the model takes it as a class", column=transform.label)
    if np.isnan(column).any():
        raise DataError("the label is missing", column=transform.label, row=int(np.isnan(column).argmax()) + 1)
    return column


def _refuse_odd_numbers(texts: Sequence[str], column: str, missing: frozenset[str]) -> None:
    if not all(text in missing or number_of(text) is not None for text in texts):
        raise _first_bad_number(texts, column, missing)


def _first_bad_number(texts: Sequence[str], column: str, missing: frozenset[str]) -> DataError:
    row = next(i for i, text in enumerate(texts) if text not in missing and number_of(text) is None)
    markers = ", ".join(repr(marker) for marker in sorted(missing)) or "none"
    message = f"{_shown(texts[row])} is no number; allowed: finite decimal numbers and the missing markers ({markers})"
    return DataError(message, column=column, row=row + 1)
