"""Reads one CSV file once, block by block, into what is known of its columns. Memory does not grow with the file."""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from millrace.errors import MillraceError
from millrace.new import encoding, naming, values
from millrace.new.column_reader import ColumnReader
from millrace.new.dialect import sniff
from millrace.new.records import Dialect, Table

BLOCK_ROWS = 20_000
HEAD_CHARACTERS = 1 << 18
SAMPLED_ROWS = 20_000
FEWEST_ROWS = 50
MOST_COLUMNS = 2_000
LONGEST_FIELD = 1 << 24

OTHER_FORMATS = (
    (re.compile(r'\s*(?:\{\s*"|\[\s*[\[{])'), "JSON"),
    (re.compile(r"\s*<(?:!doctype|html|table|\?xml|body|div)\b", re.IGNORECASE), "HTML or XML"),
)

Rows = list[list[str]]


def read(path: Path, *, names: Sequence[str] = ()) -> Table:
    """The table in the file; `names` are those of its columns when no line of the file has them."""
    if not path.is_file():
        raise MillraceError(f"there is no file {path}")
    found = encoding.of(path)
    try:
        return _read(path, _dialect(path, found, names))
    except UnicodeDecodeError:
        found = encoding.of(path, whole=True)
    try:
        return _read(path, _dialect(path, found, names))
    except UnicodeDecodeError as error:
        raise MillraceError(
            f"{path} looks like {found}, but byte 0x{error.object[error.start]:02x} is none of it: save it as UTF-8"
        ) from error


def _dialect(path: Path, found: str, names: Sequence[str]) -> Dialect:
    with path.open(encoding=_codec(found), newline="") as file:
        head = file.read(HEAD_CHARACTERS)
        complete = not file.read(1)
    _refuse_other_formats(path, head)
    dialect = sniff(head, encoding=found, complete=complete, names=names)
    if dialect.header:
        _refuse_a_title(path, dialect, head, complete=complete)
    tidy = tuple(unicodedata.normalize("NFC", name).strip() for name in dialect.names)
    changed = {new for new, old in zip(tidy, dialect.names, strict=True) if new != old}
    dialect = replace(dialect, names=tidy)  # the steps find a column by its tidy name too
    _check_names(path, dialect)
    for group in values.alike(tidy):
        if changed & set(group):  # the steps could not tell which of them is meant
            listed = " and ".join(map(repr, group))
            raise MillraceError(
                f"{path}: the columns {listed} differ only by capitals or blanks; give each its own name"
            )
    return dialect


def _refuse_other_formats(path: Path, head: str) -> None:
    for pattern, what in OTHER_FORMATS:
        if pattern.match(head):
            raise MillraceError(f"{path} is {what}, not CSV: write it as a table of columns and rows")


def _refuse_a_title(path: Path, dialect: Dialect, head: str, *, complete: bool) -> None:
    """Reports have lines such as `Sales 2025` or `sep=;` above the names of the columns."""
    first, _, rest = head.lstrip("\r\n").partition("\n")
    if not dialect.names[0].strip() or any(map(str.strip, dialect.names[1:])):
        return
    if len(sniff(rest, encoding=dialect.encoding, complete=complete).names) < 2:
        return
    raise MillraceError(
        f"{path}: the first line ({first.strip()[:60]!r}) does not name the columns, but a line below it may: take "
        "away what stands above the names"
    )


def _codec(name: str) -> str:
    return {"utf-8": "utf-8-sig", "windows-1252": "cp1252"}.get(name, name)


def _check_names(path: Path, dialect: Dialect) -> None:
    names = dialect.names
    if len(names) < 2:
        raise MillraceError(
            f"{path} has only one column ({', '.join(names)}): a model needs a label and at least one other column; "
            "columns stand between commas, semicolons, tabs or bars"
        )
    if "" in names:
        number = names.index("") + 1
        raise MillraceError(
            f"{path}: column {number} has no name; give it one, or take it away (pandas writes its index so: "
            "use to_csv(index=False))"
        )
    if len(names) > MOST_COLUMNS:
        raise MillraceError(f"{path} has {len(names):,} columns; a table has {MOST_COLUMNS:,} at most")
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise MillraceError(f"{path}: several columns are called {', '.join(doubled)}; give each its own name")


def _read(path: Path, dialect: Dialect) -> Table:
    width = len(dialect.names)
    columns = [ColumnReader(name) for name in dialect.names]
    sample, rows, ragged = _Sample(), 0, 0
    for block in _blocks(path, dialect):
        good = [row for row in block if len(row) == width]
        ragged += len(block) - len(good)
        for column, cells in zip(columns, zip(*good, strict=True), strict=False):
            column.add(cells)
        sample.add(good)
        rows += len(good)
    _check_rows(path, dialect, rows, ragged)
    return Table(
        path=path,
        name=naming.table_name(path.stem),
        dialect=dialect,
        columns=tuple(column.column() for column in columns),
        rows=rows,
        ragged=ragged,
        sample=tuple(sample.rows),
    )


def _blocks(path: Path, dialect: Dialect) -> Iterator[Rows]:
    csv.field_size_limit(LONGEST_FIELD)
    with path.open(encoding=_codec(dialect.encoding), newline="") as file:
        reader = csv.reader(file, delimiter=dialect.delimiter)
        if dialect.header:
            next(row for row in reader if row)
        try:
            while block := list(islice(reader, BLOCK_ROWS)):
                yield [row for row in block if row]
        except csv.Error as error:
            raise MillraceError(
                f"{path}: line {reader.line_num} cannot be read ({error}): is a quote missing before or after it?"
            ) from error


def _check_rows(path: Path, dialect: Dialect, rows: int, ragged: int) -> None:
    width = len(dialect.names)
    if ragged > rows:
        raise MillraceError(
            f"{path}: {ragged:,} of {rows + ragged:,} rows do not have {width} fields as the first line has; "
            "put quotes around values that hold the delimiter"
        )
    if rows < FEWEST_ROWS:
        what = "column names but no rows" if not rows else f"only {rows} {'row' if rows == 1 else 'rows'}"
        raise MillraceError(
            f"{path} has {what}: at least {FEWEST_ROWS} are needed, and some hundreds to learn anything from"
        )


class _Sample:
    """Whole rows in even distances, the distance growing with the file."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, ...]] = []
        self._step = 1
        self._seen = 0

    def add(self, block: Rows) -> None:
        first = -self._seen % self._step
        self.rows += [tuple(row) for row in block[first :: self._step]]
        self._seen += len(block)
        while len(self.rows) > SAMPLED_ROWS:
            self.rows = self.rows[::2]
            self._step *= 2


def megabytes(path: Path) -> float:
    return os.path.getsize(path) / 1e6
