"""The cheap check before money: can this file be a table of this model? Pure; called where versions become known.

It looks at the size and the first bytes only. It refuses a file only if Preprocess would fail on it (or the
settings call it too large); what it cannot know from the beginning of a file it lets pass.

check_records.py   the table's needs, the finding
check_text.py      encoding, compressed and binary files
check_header.py    delimiter and column names
check_rows.py      keys, numbers, labels of the first rows
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from start_pipeline.check_header import check_header
from start_pipeline.check_records import MEGABYTE, Finding, TableSpec
from start_pipeline.check_rows import check_rows
from start_pipeline.check_text import decode, not_csv

__all__ = ["HEAD_BYTES", "Finding", "TableSpec", "check_head", "suffix_finding"]

HEAD_BYTES = 65_536


def check_head(head: bytes, size: int, table: TableSpec) -> Finding | None:
    """What makes a file of `size` bytes that begins with `head` no table, or None."""
    if size == 0:
        return Finding("empty", "the file holds nothing (0 bytes); upload it again if it should hold rows")
    if size > table.largest_bytes:
        largest = table.largest_bytes // MEGABYTE
        reason = f"the file has {size / MEGABYTE:,.0f} MB, more than largest_file_mb = {largest} allows; split it"
        return Finding("too-large", reason, {"size": size, "largest": table.largest_bytes})
    complete = size <= len(head)
    text = decode(head, complete=complete)
    if isinstance(text, Finding):
        return text
    finding = _check_text(text, table, complete=complete)
    if finding and b"\0" in head:  # text has no zero bytes; UTF-16 and packed files do, and may still be valid UTF-8
        return not_csv(head) or finding
    return finding


def suffix_finding(key: str, suffixes: Sequence[str]) -> Finding | None:
    """Why a key's ending keeps it out of the table, or None."""
    if key.lower().endswith(tuple(suffixes)):
        return None
    name = key.rpartition("/")[2]
    return Finding("suffix", f"{name!r} ends in none of {', '.join(suffixes)}; rename it", {"suffixes": [*suffixes]})


def _check_text(text: str, table: TableSpec, *, complete: bool) -> Finding | None:
    if complete and not text.strip():
        return Finding("empty", "the file holds no text but blanks; upload it again if it should hold rows")
    records = list(csv.reader(io.StringIO(text, newline="")))
    if not complete:
        records = records[:-1]  # the end of the head cuts it, or may do so
        if not records:
            return None
    names, rows = records[0], [record for record in records[1:] if record]
    if not names:
        return Finding("header-missing", "the first line is empty; the first line names every column")
    first_line = re.split(r"[\r\n]", text, maxsplit=1)[0]
    return check_header(names, first_line, table) or check_rows(names, rows, table, complete=complete)
