"""Can the first rows be rows of this table? Pure; called by `check.py`.

Preprocess puts bad rows aside and goes on with the others, so bad rows prove something only if nearly all are bad in
the same way: `MOST` of those looked at, and at least `FEWEST` of them unless the file has no more. Each rule is one
of Preprocess's own (`pipeline_code/contract_rows.py`). The two run apart and share no code: a property test
holds them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from start_pipeline.check_lines import Row
from start_pipeline.check_records import Finding, TableSpec, listed, shown
from start_pipeline.check_text import MARK

MOST = 0.9
FEWEST = 10
REGRESSION = "regression"
CLASSES = ("0", "1", "false", "true", "no", "yes")
"""What a binary label may say if the settings name no classes, in small or capital letters."""
LARGEST = 3.4028234663852886e38
"""The largest number that a 32-bit float holds."""


@dataclass(frozen=True)
class Sample:
    """The rows looked at, and whether they are all rows of the file. `places` tells where its columns are."""

    rows: Sequence[Row]
    places: Mapping[str, int]
    width: int
    complete: bool

    @cached_property
    def whole(self) -> Mapping[int, list[str]]:
        """The rows that have one value for each column, by their numbers."""
        return {number: row for number, row in enumerate(self.rows, 1) if row is not None and len(row) == self.width}

    def refuses(self, bad: Sequence[int]) -> bool:
        """Whether so many rows are bad that the file is."""
        enough = self.complete or len(self.rows) >= FEWEST
        return bool(bad) and enough and len(bad) >= MOST * len(self.rows)

    def like(self, bad: Sequence[int]) -> str:
        """How many rows are like the one a sentence tells of."""
        if len(self.rows) == 1:
            return ""
        rows = f"{len(self.rows)} rows" if self.complete else f"first {len(self.rows)} rows"
        return f" (and so on in {len(bad)} of the {rows})"


def check_rows(sample: Sample, table: TableSpec) -> Finding | None:
    """What is wrong with nearly all rows."""
    if not sample.rows:
        reason = "the file has no rows, so there is nothing to learn from it"
        return Finding("no-rows", reason) if sample.complete else None
    return (
        _quotes(sample) or _ragged(sample) or _keys(sample, table) or _numbers(sample, table) or _labels(sample, table)
    )


def is_in_another_encoding(rows: Sequence[Row], *, complete: bool) -> bool:
    """Whether half of the rows hold bytes that are no text: Latin letters alone look the same in most encodings."""
    bad = sum(row is not None and any(MARK in value for value in row) for row in rows)
    return bool(bad) and 2 * bad >= len(rows) and (complete or len(rows) >= FEWEST)


def _quotes(sample: Sample) -> Finding | None:
    bad = [number for number, row in enumerate(sample.rows, 1) if row is None]
    if not sample.refuses(bad):
        return None
    reason = (
        f"in row {bad[0]} a quote is open or closes within a value{sample.like(bad)}; put a value that holds quotes "
        "into quotes, and double each quote in it"
    )
    return Finding("quotes", reason, {"row": bad[0]})


def _ragged(sample: Sample) -> Finding | None:
    fields = {number: len(row) for number, row in enumerate(sample.rows, 1) if row and len(row) != sample.width}
    if not sample.refuses([*fields]):
        return None
    row, count = next(iter(fields.items()))
    reason = (
        f"row {row} has {count} {'field' if count == 1 else 'fields'}, but there are {sample.width} columns"
        f"{sample.like([*fields])}; put quotes around a value that holds the delimiter"
    )
    return Finding("ragged-rows", reason, {"row": row, "fields": count, "columns": sample.width})


def _keys(sample: Sample, table: TableSpec) -> Finding | None:
    place = sample.places.get(table.join_key) if table.join_key else None
    if place is None:
        return None
    bad = [number for number, row in sample.whole.items() if not row[place].strip() or row[place] in table.missing]
    if not sample.refuses(bad):
        return None
    key = sample.whole[bad[0]][place]
    reason = (
        f"row {bad[0]} has no {table.join_key} ({shown(key)}), the join key{sample.like(bad)}; give every row its own"
    )
    return Finding("keys-missing", reason, {"row": bad[0], "column": table.join_key})


def _numbers(sample: Sample, table: TableSpec) -> Finding | None:
    labels = {table.label} if table.problem == REGRESSION and table.is_base else set()
    columns = {name: place for name, place in sample.places.items() if name in table.numeric | labels}
    bad: dict[int, str] = {}
    for number, row in sample.whole.items():
        odd = (
            name for name, place in columns.items() if row[place] not in table.missing and not _is_number(row[place])
        )
        if name := next(odd, None):
            bad[number] = name
    if not sample.refuses([*bad]):
        return None
    number, name = next(iter(bad.items()))
    text = sample.whole[number][columns[name]]
    markers = f", and for what is not known one of {listed(sorted(table.missing))}" if table.missing else ""
    reason = (
        f"{shown(text)} in row {number} of the numeric column {shown(name)} is no number{sample.like([*bad])}; write "
        f"decimal numbers such as 1234.5{markers}"
    )
    return Finding("not-numeric", reason, _details(number, name, text))


def _details(row: int, column: str, text: str) -> Mapping[str, int | str]:
    return {"row": row, "column": column, "value": text[:200].replace(MARK, "\ufffd")}


def _is_number(text: str) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    return text.isascii() and "_" not in text and abs(value) <= LARGEST


def _labels(sample: Sample, table: TableSpec) -> Finding | None:
    if not table.is_base:
        return None
    place = sample.places[table.label]
    bad = [number for number, row in sample.whole.items() if not _is_label(row[place], table)]
    if not sample.refuses(bad):
        return None
    text = sample.whole[bad[0]][place]
    allowed = "a number in every row" if table.problem == REGRESSION else listed(table.classes or CLASSES, 20)
    reason = f"row {bad[0]} has {shown(text)} in the label {shown(table.label)}{sample.like(bad)}; allowed: {allowed}"
    return Finding("label-values", reason, _details(bad[0], table.label, text))


def _is_label(text: str, table: TableSpec) -> bool:
    """A number that is none was found before; a label that is missing is known here."""
    if table.problem == REGRESSION:
        return text not in table.missing
    return text in table.classes if table.classes else text.lower() in CLASSES
