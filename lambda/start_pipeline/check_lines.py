"""The beginning of a file as rows. Pure; called by `check.py`.

Where quotes are right, a line break in them belongs to the row. A row with wrong quotes ends at its first line break,
as it does in Preprocess: an open quote must not swallow the rows behind it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from functools import cache

Row = list[str] | None
"""The values of a row, or None if its quotes are wrong."""

_LINE_END = re.compile(r"\r\n|\r|\n")


def first_line(text: str) -> str:
    return _LINE_END.split(text, maxsplit=1)[0]


def rows_of(text: str, delimiter: str, *, complete: bool) -> Iterator[Row]:
    """Every row, an empty line as an empty one; what the end of an incomplete text may have cut is left out."""
    row, open_end = _patterns(re.escape(delimiter))
    at = 0
    while at < len(text):
        found = row.match(text, at)
        if found and (complete or found.end(1) < len(text)):
            at = found.end()
            yield fields_of(found[1], delimiter)
        elif not complete and (found or open_end.match(text, at)):
            return
        else:
            line_end = _LINE_END.search(text, at)
            if line_end is None and not complete:
                return
            at = line_end.end() if line_end else len(text)
            yield None


def fields_of(line: str, delimiter: str) -> list[str]:
    return next(csv.reader(io.StringIO(line, newline=""), delimiter=delimiter), [])


@cache
def _patterns(d: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """A row up to its line break, and a row whose last quote is still open at the end of the text."""
    quoted = r'"[^"]*+(?:""[^"]*+)*+'
    field = rf'(?:{quoted}"(?=[{d}\r\n]|\Z)|[^"{d}\r\n][^{d}\r\n]*+|)'
    return (
        re.compile(rf"({field}(?:{d}{field})*+)(?:\r\n|\r|\n|\Z)"),
        re.compile(rf'(?:{field}{d})*?{quoted}"?\Z'),
    )
