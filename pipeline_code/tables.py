"""CSV files as text columns: read, joined by key, written; called by preprocess.py, train.py and evaluate.py.

Everything stays text, so nothing is guessed: "None" is a category and "007" keeps its zeros.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from features import DataError, Distinct, parse_numbers
from pyarrow import csv as arrow_csv


def read_csv(path: Path) -> pa.Table:
    """All columns of one CSV file as text."""
    names = _header(path)
    try:
        return arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(column_names=names, skip_rows_after_names=1, use_threads=False),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        ).combine_chunks()
    except pa.ArrowInvalid as error:
        raise DataError(f"{path}: {error}; every row needs {len(names)} fields in UTF-8") from error


def read_table(folder: Path, *, numeric: Sequence[str], missing: Sequence[str]) -> pa.Table:
    """The union of all CSV files of one table; their headers must agree, numeric columns must hold numbers."""
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise DataError(f"{folder}: no .csv file; put at least one there")
    parts: list[pa.Table] = []
    for path in paths:
        part = read_csv(path)
        if parts and set(part.column_names) != set(parts[0].column_names):
            differing = sorted(set(part.column_names) ^ set(parts[0].column_names))
            raise DataError(f"{path}: header differs from {paths[0].name} in {', '.join(differing)}; make them equal")
        _check_numbers(part, path, numeric, frozenset(missing))
        parts.append(part.select(parts[0].column_names) if parts else part)
    return pa.concat_tables(parts).combine_chunks()


def join(base: pa.Table, other: pa.Table, *, key: str) -> pa.Table:
    """Inner join in the order of `base`; keys are unique in both."""
    places = pc.index_in(base[key], value_set=other[key].combine_chunks())
    found = pc.is_valid(places)
    kept, partners = base.filter(found), other.drop_columns([key]).take(places.filter(found))
    for name in partners.column_names:
        kept = kept.append_column(name, partners[name])
    return kept


def check_keys(table: pa.Table, *, name: str, key: str, missing: Sequence[str]) -> None:
    """Every row has a key and no two rows the same one."""
    if key not in table.column_names:
        raise DataError(f"table {name} lacks the join key; it has {', '.join(table.column_names)}", column=key)
    keys = table[key]
    absent = pc.is_in(keys, value_set=pa.array(["", *missing]))
    if pc.any(absent).as_py():
        raise DataError(
            f"table {name}: the join key is empty; give every row one",
            column=key,
            row=absent.index(True).as_py() + 1,
        )
    counts = keys.value_counts()
    doubled = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(doubled):
        first, times = doubled[0]["values"].as_py(), doubled[0]["counts"].as_py()
        raise DataError(
            f"table {name}: {len(doubled)} keys are not unique, e.g. {first!r} stands in {times} rows; "
            "keep one row of each",
            column=key,
        )


def columns(table: pa.Table, names: Sequence[str]) -> dict[str, Distinct]:
    """The columns in the form that features.py takes; names that the table lacks are left out."""
    return {name: distinct(table[name]) for name in names if name in table.column_names}


def distinct(column: pa.ChunkedArray) -> Distinct:
    coded = column.combine_chunks().dictionary_encode()
    return Distinct(coded.dictionary.to_pylist(), coded.indices.to_numpy())


def write_csv(table: pa.Table, path: Path) -> None:
    """The same rows always give the same bytes; values are quoted only if one of them needs it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = io.StringIO()
    csv.writer(head, lineterminator="\n").writerow(table.column_names)
    try:
        body = _csv_bytes(table, quoting="none")
    except pa.ArrowInvalid:
        body = _csv_bytes(table, quoting="needed")
    path.write_bytes(head.getvalue().encode() + body)


def _csv_bytes(table: pa.Table, *, quoting: str) -> bytes:
    sink = pa.BufferOutputStream()
    arrow_csv.write_csv(table, sink, arrow_csv.WriteOptions(include_header=False, quoting_style=quoting))
    return bytes(sink.getvalue())


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = next(csv.reader(file), [])
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from error
    doubled = sorted({name for name in names if names.count(name) > 1})
    if not names or doubled or "" in names:
        problem = f"columns named twice: {', '.join(doubled)}" if doubled else "no column names in the first line"
        raise DataError(f"{path}: {problem}; the first line names every column once")
    return names


def _check_numbers(table: pa.Table, path: Path, numeric: Sequence[str], missing: frozenset[str]) -> None:
    for name in numeric:
        if name not in table.column_names:
            continue
        column = distinct(table[name])
        try:
            parse_numbers(column.values, column=name, missing=missing)
        except DataError as error:
            row = column.first_row((error.row or 1) - 1)
            raise DataError(f"{path}: {DataError(error.message, column=name, row=row)}") from error
