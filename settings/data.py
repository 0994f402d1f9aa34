"""The [data] table of `models/<name>.toml`: tables, columns, and how files are written. `data_rules.py` compares them.

Preprocess gets these values in `model_spec.json`, the function that starts the pipeline in `models.json`.
"""

from __future__ import annotations

from dataclasses import dataclass

from settings import names
from settings.data_rules import check_columns, check_ranges
from settings.limits import LimitSettings, read_limits
from settings.problem_types import MULTICLASS, REGRESSION
from settings.reader import Reader
from settings.split import SplitSettings, read_split

ENCODINGS = ("utf-8", "cp949", "utf-16", "windows-1252")
DELIMITERS = (",", ";", "\t", "|")
MOST_TABLES, MOST_CLASSES, MOST_SEGMENTS = 8, 100, 5


@dataclass(frozen=True)
class ColumnRange:
    """What the numbers of a column may be, both ends included; a row outside is a bad row."""

    column: str
    low: float
    high: float


@dataclass(frozen=True)
class DataSettings:
    """The tables and columns; the first table is the base and holds the label.

    `join_key` may be empty with one table, `classes` with a binary label that is written in a usual way. `columns`
    names the columns of files without a header line.
    """

    tables: tuple[str, ...]
    join_key: str
    label: str
    classes: tuple[str, ...]
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    segments: tuple[str, ...]
    missing: tuple[str, ...]
    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    ranges: tuple[ColumnRange, ...]
    limits: LimitSettings
    split: SplitSettings


def read_data(reader: Reader, problem: str) -> DataSettings:
    """Read the table, noting its mistakes."""
    column = names.wrong_column
    tables = reader.texts("tables", check=names.wrong_table, most=MOST_TABLES)
    data = DataSettings(
        tables=tables,
        join_key=_join_key(reader, tables),
        label=reader.text("label", check=column),
        classes=_classes(reader, problem),
        numeric=reader.texts("numeric", check=column, empty=True),
        categorical=reader.texts("categorical", check=column, empty=True),
        segments=reader.texts("segments", check=column, empty=True, most=MOST_SEGMENTS, default=()),
        missing=reader.texts("missing", empty=True),
        encoding=reader.text("encoding", allowed=ENCODINGS, default=ENCODINGS[0]),
        delimiter=reader.text("delimiter", allowed=DELIMITERS, default=DELIMITERS[0]),
        columns=reader.texts("columns", check=column, empty=True, default=()),
        ranges=_ranges(reader.table("ranges", optional=True)),
        limits=read_limits(reader.table("limits", optional=True)),
        split=read_split(reader.table("split")),
    )
    check_columns(data, reader)
    check_ranges(data, reader, problem)
    reader.close()
    return data


def _join_key(reader: Reader, tables: tuple[str, ...]) -> str:
    if len(tables) == 1:
        return reader.text("join_key", check=names.wrong_column, default="")
    return reader.text("join_key", check=names.wrong_column)


def _classes(reader: Reader, problem: str) -> tuple[str, ...]:
    if problem == REGRESSION:
        reader.refuse("classes", "is for models that tell classes apart, and this one predicts a number; remove it")
        return ()
    multiclass = problem == MULTICLASS
    classes = reader.texts(
        "classes", check=wrong_class, empty=True, most=MOST_CLASSES, default=None if multiclass else ()
    )
    if reader.good("classes") and multiclass and len(classes) < 2:
        reader.problem("classes", f"names {len(classes)}; name all classes, from 2 to {MOST_CLASSES}")
    elif reader.good("classes") and not multiclass and len(classes) not in (0, 2):
        reader.problem("classes", f"names {len(classes)}; name two: first the negative one, then the positive one")
    return classes


def wrong_class(text: str) -> str | None:
    if text.strip() and text.isprintable() and len(text) <= 128:
        return None
    return "a class is the label's text exactly as the files have it: 1 to 128 characters, no control characters"


def _ranges(reader: Reader) -> tuple[ColumnRange, ...]:
    ends = {column: reader.interval(column) for column in reader.own_keys()}
    return tuple(ColumnRange(column, float(low), float(high)) for column, (low, high) in ends.items())
