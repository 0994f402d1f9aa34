"""Which columns of [data] exclude or need each other. Called by `settings/data.py`, pure but for the noted mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from settings.errors import shown
from settings.names import choices
from settings.problem_types import REGRESSION
from settings.reader import Reader


class Range(Protocol):
    """What the rules need of `settings.data.ColumnRange`."""

    @property
    def column(self) -> str: ...


class Columns(Protocol):
    """What the rules need of `settings.data.DataSettings`."""

    @property
    def tables(self) -> Sequence[str]: ...
    @property
    def join_key(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def classes(self) -> Sequence[str]: ...
    @property
    def numeric(self) -> Sequence[str]: ...
    @property
    def categorical(self) -> Sequence[str]: ...
    @property
    def segments(self) -> Sequence[str]: ...
    @property
    def missing(self) -> Sequence[str]: ...
    @property
    def delimiter(self) -> str: ...
    @property
    def columns(self) -> Sequence[str]: ...
    @property
    def ranges(self) -> Sequence[Range]: ...


def check_columns(data: Columns, reader: Reader) -> None:
    """Note what cannot be true of the columns together."""
    _roles(data, reader)
    _without_header(data, reader)
    for key in ("join_key", "label", "numeric", "categorical", "segments", "columns"):
        value = getattr(data, key)
        for column in [value] if isinstance(value, str) else value:
            if reader.good(key, "delimiter") and data.delimiter in column:
                reader.problem(key, f"holds {shown(column)}, which the delimiter {shown(data.delimiter)} would cut")
    for text in data.classes:
        if reader.good("classes", "missing") and text in data.missing:
            reader.problem("classes", f"holds {shown(text)}, which missing takes for not known; keep one of the two")


def check_ranges(data: Columns, reader: Reader, problem: str) -> None:
    """A range belongs to a number: a numeric feature or the label of a regression."""
    labels = (data.label,) if problem == REGRESSION else ()
    numbers = {*data.numeric, *labels} - {""}
    for column in (each.column for each in data.ranges):
        if reader.good("numeric", "label") and column not in numbers:
            of_label = "" if labels else " (the label is none of a regression)"
            reader.problem(f"ranges.{column}", f"is no numeric column{of_label}; allowed: {choices(column, numbers)}")


def _roles(data: Columns, reader: Reader) -> None:
    if reader.good("numeric", "categorical"):
        for column in sorted({*data.numeric} & {*data.categorical}):
            reader.problem("categorical", f"holds {column!r}, which is numeric too; keep one of the two")
        if not data.numeric and not data.categorical:
            reader.problem("numeric", "and categorical are both empty; a model needs at least one feature")
    for key in ("label", "join_key"):
        column = getattr(data, key)
        for kind in ("numeric", "categorical", "segments"):
            if column and reader.good(key) and column in getattr(data, kind):
                what = "segments" if kind == "segments" else "features"
                reader.problem(kind, f"holds {column!r}, which is the {key}; take it out of the {what}")
    if reader.good("label", "join_key") and data.label == data.join_key:
        reader.problem("label", f"is {data.label!r}, the same as join_key; they must be different columns")


def _without_header(data: Columns, reader: Reader) -> None:
    """`columns` stands for the header line, so every column in use must be in it."""
    if not data.columns or not reader.good("columns"):
        return
    if reader.good("tables") and len(data.tables) > 1:
        reader.problem(
            "columns", f"is for one table, and tables names {len(data.tables)}; give their files a header line instead"
        )
        return
    used = {"join_key": (data.join_key,), "label": (data.label,)}
    used |= {key: getattr(data, key) for key in ("numeric", "categorical", "segments")}
    for key, columns in used.items():
        for column in columns:
            if column and reader.good(key) and column not in data.columns:
                reader.problem(
                    key, f"{shown(column)} is not among columns; allowed: {choices(column, set(data.columns))}"
                )
