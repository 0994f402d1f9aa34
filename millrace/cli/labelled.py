"""A labelled file of any size, read row by row, in batches that fit into a request. For analyze.py."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from millrace.errors import MillraceError

LARGEST_BODY = 5_000_000
"""Bytes; an endpoint takes 6 MB."""
DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Columns:
    """Where the model's columns stand in the file."""

    features: Sequence[str]
    label: str
    others: Sequence[str] = ()
    """Columns that are no features, but by which the report tells how good the model is (segments)."""


@dataclass
class Batch:
    """Rows for one request: their lines in the file, their features as the body's fields, the rest for the report."""

    lines: list[int] = field(default_factory=list)
    features: list[list[str]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    others: list[list[str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lines)

    def part(self, start: int, stop: int) -> Batch:
        cut = slice(start, stop)
        return Batch(self.lines[cut], self.features[cut], self.labels[cut], self.others[cut])


@dataclass(frozen=True)
class Unreadable:
    """A row that cannot be sent, because it is none."""

    line: int
    why: str
    fields: Sequence[str]


class LabelledFile:
    """Iterates over batches of rows and the rows that are none, in the file's order."""

    def __init__(
        self,
        path: Path,
        columns: Columns,
        *,
        label: str,
        encoding: str = "utf-8-sig",
        header: Sequence[str] = (),
        rows_per_request: int = 500,
    ) -> None:
        self.path = path
        self._columns, self._label, self._encoding = columns, label, encoding
        self._given = list(header)
        self._most = rows_per_request
        self._delimiter, names = self._read_header()
        self.header = _fitted(names, [*columns.features, label, *columns.others])
        self._places = self._find()

    def __iter__(self) -> Iterator[Batch | Unreadable]:
        batch, size = Batch(), 0
        for line, fields in self._rows():
            if len(fields) != len(self.header):
                yield Unreadable(line, f"{len(fields)} fields where the header has {len(self.header)}", fields)
                continue
            features, label, others = self._picked(fields)
            bytes_of_row = sum(len(text.encode()) + text.count('"') + 3 for text in features)
            if bytes_of_row > LARGEST_BODY:
                yield Unreadable(line, f"{bytes_of_row:,} bytes, more than a request may have", fields[:1])
                continue
            if len(batch) >= self._most or size + bytes_of_row > LARGEST_BODY:
                yield batch
                batch, size = Batch(), 0
            batch.lines.append(line)
            batch.features.append(features)
            batch.labels.append(label)
            batch.others.append(others)
            size += bytes_of_row
        if batch:
            yield batch

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        with self.path.open(encoding=self._encoding, newline="") as file:
            reader = csv.reader(file, delimiter=self._delimiter)
            line = 0
            try:
                for fields in reader:
                    line, first = reader.line_num, line + 1
                    if fields and (self._given or first > 1):
                        yield first, fields
            except (csv.Error, UnicodeDecodeError) as error:
                raise MillraceError(
                    f"{self.path}: after line {line:,}: {error}; write it as CSV, and name what it is written in with "
                    "--encoding"
                ) from error

    def _picked(self, fields: Sequence[str]) -> tuple[list[str], str, list[str]]:
        places, label, others = self._places
        return [fields[place] for place in places], fields[label], [fields[place] for place in others]

    def _read_header(self) -> tuple[str, list[str]]:
        with self.path.open(encoding=self._encoding, newline="") as file:
            try:
                first = file.readline()
            except UnicodeDecodeError as error:
                raise MillraceError(f"{self.path}: {error}; name what it is written in with --encoding") from error
        if not first.strip():
            raise MillraceError(f"{self.path} is empty: give rows with a header line")
        delimiter = max(DELIMITERS, key=first.count)
        return delimiter, self._given or next(csv.reader(io.StringIO(first), delimiter=delimiter))

    def _find(self) -> tuple[list[int], int, list[int]]:
        wanted = [*self._columns.features, self._label]
        absent = [name for name in wanted if name not in self.header]
        if absent:
            given = ", ".join(self.header[:20])
            what = "the label" if absent == [self._label] else "the model's columns"
            raise MillraceError(
                f"{self.path} lacks {', '.join(absent[:10])}; its first line names: {given}. Analyze needs {what} "
                "(--label names another column as the label, --columns the columns of a file without a header line)"
            )
        places = [self.header.index(name) for name in self._columns.features]
        others = [self.header.index(name) for name in self.others]
        return places, self.header.index(self._label), others

    @property
    def others(self) -> list[str]:
        """The segments that the file has, without those that are features already."""
        known = {*self._columns.features, self._label, self._columns.label}
        return [name for name in self._columns.others if name in self.header and name not in known]


def _fitted(names: Sequence[str], known: Sequence[str]) -> list[str]:
    """The names; those that differ from the model's only by capitals, blanks or Unicode form become its own."""
    found = list(names)
    for name in known:
        meant = [place for place, each in enumerate(found) if _folded(each) == _folded(name)]
        if name not in found and len(meant) == 1:
            found[meant[0]] = name
    return found


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().casefold()
