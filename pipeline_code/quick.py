"""Rows that are as they should be, straight from a request's body to the matrix; called by inference.py.

Only what needs no second look is taken, and that in as few steps as Python allows: `matrix` answers None to all else,
which payload.py and features.py then read and judge. What both take they turn into the same numbers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import chain
from operator import itemgetter, methodcaller
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from features import LARGEST, Column, FeatureTransform
from media import CSV, JSON_LINES, PayloadError, given
from numpy.typing import NDArray
from payload import CONSTANTS, DECODER, folded
from quick_csv import LongCsv

FEW = 24
"""Up to so many rows are put together value by value; numpy's calls would cost more."""
LONG = 1 << 15
"""A CSV of more characters is left to Arrow; of fewer its calls would cost more."""
SPACES = " \t\r\n"
NUMBERS, TEXTS = frozenset((float, int, type(None))), frozenset((str, type(None)))

Matrix: TypeAlias = "NDArray[np.float32]"
_plain = json.JSONDecoder(parse_constant=CONSTANTS).decode
_commas, _values = methodcaller("count", ","), methodcaller("values")


class Codes(dict[str | None, int]):
    """The place of each category; one that is unknown has the last place, a missing one that before it."""

    def __missing__(self, _: str | None) -> int:
        return -1


class Quick:
    """What is known of a model before the first request."""

    def __init__(self, transform: FeatureTransform) -> None:
        self.names = transform.names
        self._wanted = frozenset(transform.names)
        self._known = frozenset((*transform.names, *transform.ignored))
        self._folded = frozenset(map(folded, self._known))
        self._missing = frozenset(transform.missing)
        # A marker such as -999 is a number too: what it means is for the slow way to tell.
        self._plain_markers = not any(map(_is_number, transform.missing))
        self._null = bool(transform.missing)
        self._width = transform.width
        self._tables = [_table(column) for column in transform.columns]
        self._codes = [self._codes_of(column) for column in transform.columns]
        self._pieces = [
            None if codes is None else {text: tuple(table[code].tolist()) for text, code in codes.items()}
            for codes, table in zip(self._codes, self._tables, strict=True)
        ]
        self._unknown = [tuple(table[-1].tolist()) for table in self._tables]
        self._long_csv = LongCsv(transform, self._codes, self._tables)

    def _codes_of(self, column: Column) -> Codes | None:
        if column.kind == "numeric":
            return None
        codes = Codes((category, code) for code, category in enumerate(column.categories))
        codes.update(dict.fromkeys(self._missing, len(column.categories)))
        if self._null:
            codes[None] = len(column.categories)
        return codes

    def matrix(self, body: str | bytes, content_type: str | None) -> Matrix | None:
        """The encoded rows, or None if the body is not as simple as it should be."""
        try:
            kind, header = given(content_type)
            text = body if isinstance(body, str) else body.decode("utf-8")
            if "\ufffd" in text or not self._plain_markers:
                return None
            if kind == CSV:
                return self._csv(text, header)
            return self._json(*(_lines(text) if kind == JSON_LINES else (text, None)))
        except (ValueError, KeyError, OverflowError, RecursionError, PayloadError, pa.ArrowException):
            return None

    def _csv(self, text: str, header: bool | None) -> Matrix | None:
        if '"' in text or "\0" in text or "\ufeff" in text or text.isspace():
            return None
        if "\r" in text:
            text = text.replace("\r\n", "\n")
            if "\r" in text:
                return None
        text = text.lstrip("\n")
        names, first = self.names, tuple(_first_line(text).split(","))
        titled = bool(header) or (header is None and not self._known.isdisjoint(first))
        if header is None and not titled and folded(first[0]) in self._folded:
            return None
        if titled and first != names:
            names = first
            if len(set(names)) < len(names) or not self._wanted <= set(names) <= self._known:
                return None
        if len(text) > LONG:
            return self._long_csv.matrix(text, names, titled=titled)
        lines = [line for line in text.split("\n") if line][titled:]
        if not lines or set(map(_commas, lines)) != {len(names) - 1}:
            return None
        fields = ",".join(lines).split(",")
        places: Sequence[int] = range(len(names)) if names is self.names else [names.index(name) for name in self.names]
        columns = [fields[place :: len(names)] for place in places]
        return self._few(list(zip(*columns, strict=True))) if len(lines) <= FEW else self._many(columns)

    def _json(self, text: str, count: int | None) -> Matrix | None:
        """`count` is how many rows there must be, if that is known."""
        escaped = "\\" in text
        value = (DECODER if escaped else _plain)(text)
        keys = 0
        if isinstance(value, dict) and count is None:
            keys, value = (1, value["instances"]) if len(value) == 1 and "instances" in value else (0, [value])
        if not isinstance(value, list) or not value or set(map(type, value)) != {dict}:
            return None
        if count not in (None, len(value)):
            return None
        rows = self._rows(value)
        if rows is None or not (escaped or _undoubled(text, value, keys)):
            return None
        return self._few(rows) if len(rows) <= FEW else self._many(list(zip(*rows, strict=True)))

    def _rows(self, given_rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]] | None:
        """The values of each row in the model's order; raises KeyError if a column is missing."""
        if set(map(len, given_rows)) != {len(self.names)} and not all(
            self._known.issuperset(row) for row in given_rows
        ):
            return None
        if len(self.names) == 1:
            return [(row[self.names[0]],) for row in given_rows]
        return list(map(itemgetter(*self.names), given_rows))

    def _few(self, rows: Sequence[Sequence[Any]]) -> Matrix | None:
        flat: list[float] = []
        for row in rows:
            for value, pieces, unknown in zip(row, self._pieces, self._unknown, strict=True):
                kind = type(value)
                if pieces is not None:
                    if kind is not str and (value is not None or not self._null):
                        return None
                    flat += pieces.get(value, unknown)
                    continue
                number: Any = self._number(value) if kind is str else value
                if number is None and self._null:
                    number = math.nan
                elif type(number) not in (float, int) or not -LARGEST <= number <= LARGEST:
                    return None
                flat.append(number)
        return np.array(flat, dtype=np.float64).astype(np.float32).reshape(len(rows), self._width)

    def _number(self, text: str) -> float | None:
        """The number that a text is, None if it is missing; raises ValueError if it is neither."""
        if text in self._missing:
            return None
        if "_" in text or not text.isascii():
            raise ValueError(text)
        return float(text)

    def _many(self, columns: Sequence[Sequence[Any]]) -> Matrix | None:
        matrix: Matrix = np.empty((len(columns[0]), self._width), dtype=np.float32)
        start = 0
        for values, codes, table in zip(columns, self._codes, self._tables, strict=True):
            kinds, stop = set(map(type, values)), start + table.shape[1]
            if type(None) in kinds and not self._null:
                return None
            if codes is None:
                numbers = self._numbers(values, kinds)
                if numbers is None:
                    return None
                matrix[:, start] = numbers
            elif kinds <= TEXTS:
                matrix[:, start:stop] = table[list(map(codes.__getitem__, values))]
            else:
                return None
            start = stop
        return matrix

    def _numbers(self, values: Sequence[Any], kinds: set[type]) -> NDArray[np.float64] | None:
        """The values as numbers, NaN where one is missing."""
        count, absent = len(values), 0
        if kinds <= NUMBERS:
            numbers = np.array(values, dtype=np.float64)  # None becomes NaN
            absent = values.count(None)
        elif kinds == {str}:
            joined = "".join(values)
            if "_" in joined or not joined.isascii():
                return None
            try:
                numbers = np.fromiter(map(float, values), np.float64, count)
            except ValueError:
                numbers = np.array([math.nan if text in self._missing else float(text) for text in values])
        else:
            return None
        others = count - int(np.count_nonzero(np.abs(numbers) <= LARGEST))
        if others and kinds == {str}:
            absent = sum(map(self._missing.__contains__, values))
        return numbers if others == absent else None


def _table(column: Column) -> NDArray[np.float32]:
    """What each category becomes, then what a missing and what an unknown one does."""
    if column.kind == "numeric":
        return np.zeros((1, 1), dtype=np.float32)
    known: Matrix = np.eye(len(column.categories), dtype=np.float32)
    return np.vstack(
        [known, np.full((1, known.shape[1]), np.nan, np.float32), np.zeros_like(known[:1], shape=(1, known.shape[1]))]
    )


def _is_number(text: str) -> bool:
    """Whether Python reads a number in it, be it infinite; NaN is what a missing value becomes anyway."""
    try:
        return not math.isnan(float(text))
    except ValueError:
        return False


def _first_line(text: str) -> str:
    end = text.find("\n")
    return text if end < 0 else text[:end]


def _lines(text: str) -> tuple[str, int]:
    """The lines as one list, and how many they are. Each must be an object of its own."""
    lines = [line for line in (each.strip(SPACES) for each in text.split("\n")) if line]
    if not all(line[0] == "{" and line[-1] == "}" for line in lines):
        raise ValueError("a line is no object")
    return f"[{','.join(lines)}]", len(lines)


def _undoubled(text: str, rows: Sequence[Mapping[str, Any]], keys: int) -> bool:
    """Whether no object names anything twice: each key and each text has two quotes, and nothing else has any."""
    keys += sum(map(len, rows))
    kinds = list(map(type, chain.from_iterable(map(_values, rows))))
    return text.count('"') == 2 * (keys + kinds.count(str))
