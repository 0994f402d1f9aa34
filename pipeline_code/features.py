"""The one transform from raw rows to the model's numbers, fitted on the training split only.

preprocess.py fits it and writes features.json; train.py, evaluate.py and inference.py read that file and use
the same code, so what the model was trained on is what the endpoint computes. Standard library and numpy only,
because the endpoint imports it at start.

A number stays a number, a missing one is NaN. A category becomes one column per category seen in training: a
missing one is NaN in all of them, an unknown one 0 in all of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = 1
MAX_CATEGORIES = 50
UNKNOWN, MISSING = -1, -2
LARGEST = float(np.finfo(np.float32).max)
CLASSES = {"0": 0, "1": 1, "false": 0, "true": 1, "no": 0, "yes": 1}


@dataclass(frozen=True)
class Distinct:
    """A long column of texts as its distinct values and, for each row, the place of its value among them."""

    values: Sequence[str]
    codes: NDArray[np.int32]

    @classmethod
    def of(cls, column: Sequence[str] | Distinct) -> Distinct:
        return column if isinstance(column, Distinct) else cls(column, np.arange(len(column), dtype=np.int32))

    def first_row(self, place: int) -> int:
        """The first row, from 1, that holds the value at `place`."""
        return int(np.argmax(self.codes == place)) + 1


Columns = Mapping[str, Sequence[str] | Distinct]


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
    problem: str
    label: str
    missing: tuple[str, ...]
    columns: tuple[Column, ...]
    ignored: tuple[str, ...] = ()  # columns of the raw rows that are no feature: the key, the label, the unused

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

    def encode(self, rows: Columns) -> NDArray[np.float32]:
        """One float32 row per raw row; `rows` maps each feature column to its texts."""
        absent = [name for name in self.names if name not in rows]
        if absent:
            raise DataError(f"is missing; needed: {', '.join(self.names)}", column=absent[0])
        missing = frozenset(self.missing)
        blocks = []
        for column in self.columns:
            texts = Distinct.of(rows[column.name])
            with _row_of(texts):
                blocks.append(_encode_values(column, texts.values, missing)[texts.codes])
        return np.concatenate(blocks, axis=1)

    def labels(self, rows: Columns) -> NDArray[np.int8]:
        if self.label not in rows:
            raise DataError("the label is missing", column=self.label)
        texts = Distinct.of(rows[self.label])
        with _row_of(texts):
            labels: NDArray[np.int8] = parse_labels(texts.values, column=self.label)[texts.codes]
        return labels

    def to_json(self) -> str:
        return json.dumps({"version": VERSION, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> FeatureTransform:
        raw: dict[str, Any] = json.loads(text)
        version = raw.pop("version", None)
        if version != VERSION:
            raise ValueError(f"features.json has version {version!r}, this code reads {VERSION}: train again")
        columns = tuple(Column(c["name"], c["kind"], tuple(c["categories"])) for c in raw.pop("columns"))
        return cls(columns=columns, missing=tuple(raw.pop("missing")), ignored=tuple(raw.pop("ignored")), **raw)

    @classmethod
    def read(cls, path: Path) -> FeatureTransform:
        return cls.from_json(path.read_text(encoding="utf-8"))


def fit_columns(
    rows: Columns, *, order: Sequence[str], categorical: Sequence[str], missing: Sequence[str]
) -> tuple[Column, ...]:
    """The columns of the transform; `rows` needs only the categorical ones, of the training split."""
    return tuple(
        Column(name, "categorical", _categories(rows[name], frozenset(missing)))
        if name in categorical
        else Column(name, "numeric")
        for name in order
    )


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


def parse_labels(texts: Sequence[str], *, column: str) -> NDArray[np.int8]:
    """0 and 1 for a label written as 0/1, no/yes or false/true."""
    try:
        return np.array([CLASSES[text.lower()] for text in texts], dtype=np.int8)
    except KeyError:
        row = next(i for i, text in enumerate(texts) if text.lower() not in CLASSES)
        allowed = ", ".join(CLASSES)
        raise DataError(
            f"{texts[row]!r} is no class; allowed: {allowed}: correct the row", column=column, row=row + 1
        ) from None


def _one_hot_names(column: Column) -> list[str]:
    return [f"{column.name}={category}" for category in column.categories]


@contextmanager
def _row_of(column: Distinct) -> Iterator[None]:
    """An error about a distinct value tells the first row that holds it."""
    try:
        yield
    except DataError as error:
        raise DataError(error.message, column=error.column, row=column.first_row((error.row or 1) - 1)) from None


def _categories(column: Sequence[str] | Distinct, missing: frozenset[str]) -> tuple[str, ...]:
    texts, counts = Distinct.of(column), Counter[str]()
    for text, count in zip(texts.values, np.bincount(texts.codes, minlength=len(texts.values)), strict=True):
        if text not in missing:
            counts[text] += int(count)
    frequent = sorted(counts, key=lambda text: (-counts[text], text))[:MAX_CATEGORIES]
    return tuple(sorted(frequent))


def _encode_values(column: Column, texts: Sequence[str], missing: frozenset[str]) -> NDArray[np.float32]:
    if column.kind == "numeric":
        return parse_numbers(texts, column=column.name, missing=missing).astype(np.float32)[:, None]
    codes = {category: code for code, category in enumerate(column.categories)}
    codes.update(dict.fromkeys(missing, MISSING))
    found = np.array([codes.get(text, UNKNOWN) for text in texts], dtype=np.int64)
    block = (found[:, None] == np.arange(column.width)).astype(np.float32)
    block[found == MISSING] = np.nan
    return block


def _is_number(text: str) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    return text.isascii() and "_" not in text and abs(value) <= LARGEST


def _refuse_odd_numbers(texts: Sequence[str], column: str, missing: frozenset[str]) -> None:
    if not all(text in missing or _is_number(text) for text in texts):
        raise _first_bad_number(texts, column, missing)


def _first_bad_number(texts: Sequence[str], column: str, missing: frozenset[str]) -> DataError:
    row = next(i for i, text in enumerate(texts) if text not in missing and not _is_number(text))
    markers = ", ".join(repr(marker) for marker in sorted(missing)) or "none"
    message = f"{texts[row]!r} is no number; allowed: finite decimal numbers and the missing markers ({markers})"
    return DataError(message, column=column, row=row + 1)
