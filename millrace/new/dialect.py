"""What stands between the columns, and does the first line name them? Pure; called by `reading.py`."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence

from millrace.errors import MillraceError
from millrace.new import values
from millrace.new.records import Dialect

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
LOOKED_AT = 500
NAMELESS = "column_{}"

Rows = list[list[str]]


def sniff(head: str, *, encoding: str, complete: bool, names: Sequence[str] = ()) -> Dialect:
    """The dialect of the text; `names` are given for a file whose first line does not name the columns."""
    delimiter = max(DELIMITERS, key=lambda each: _fitness(_records(head, each, complete=complete)))
    rows = _records(head, delimiter, complete=complete)
    first = rows[0] if rows else []
    if names and len(names) != len(first):
        raise MillraceError(f"the first line has {len(first)} columns, but --columns names {len(names)}")
    header = not names and has_header(rows)
    made_up = tuple(NAMELESS.format(number) for number in range(1, len(first) + 1))
    return Dialect(encoding, delimiter, header, tuple(first) if header else tuple(names) or made_up)


def has_header(rows: Rows) -> bool:
    """Whether the first record names the columns: texts, each another one, that are no values of their columns."""
    if not rows:
        return False
    first, rest = rows[0], rows[1:]
    if any(_is_value(name) for name in first) and not _are_years(first, rest):
        return False
    if not rest:
        return True
    columns = [{row[place] for row in rest if place < len(row)} for place in range(len(first))]
    again = sum(name in column for name, column in zip(first, columns, strict=True) if name)
    return again * 2 < len(first)


def _fitness(rows: Rows) -> tuple[float, int]:
    """How well a delimiter fits: the part of the records that have as many fields as most, then how many."""
    if not rows:
        return (0.0, 0)
    widths = Counter(map(len, rows))
    width, count = widths.most_common(1)[0]
    if width == 1:
        return (0.0, 1)
    return (round(count / len(rows) - (len(rows[0]) != width) * 0.5, 2), width)


def _records(head: str, delimiter: str, *, complete: bool) -> Rows:
    """The first records; the last one is left out where the text may be cut within it."""
    rows: Rows = []
    try:
        for row in csv.reader(io.StringIO(head, newline=""), delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) > LOOKED_AT:
                return rows
    except csv.Error:
        return rows
    return rows if complete else rows[:-1]


def _is_value(name: str) -> bool:
    return name.strip() != "" and (
        values.kind_of(name.strip()) != values.TEXT or (name.strip() in values.MARKERS and len(name.strip()) < 3)
    )


def _are_years(first: Sequence[str], rest: Rows) -> bool:
    """Columns may be called 2019, 2020: then other columns have words for names, and the values are no years."""
    odd = [place for place, name in enumerate(first) if _is_value(name)]
    if len(odd) == len(first) or not all(_is_year(first[place]) for place in odd):
        return False
    return not any(_is_year(row[place]) for row in rest for place in odd if place < len(row))


def _is_year(text: str) -> bool:
    return text.isdecimal() and len(text) == 4 and int(text) in values.YEARS
