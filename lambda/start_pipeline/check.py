"""The cheap check before money: can this file be a table of this model? Pure; called where versions become known.

It looks at the size and the first bytes only. It refuses a file only if Preprocess would take next to nothing of it
(or the settings call it too large); what it cannot know from the beginning of a file it lets pass.

check_records.py   the table's needs, the finding
check_text.py      encoding, compressed and binary files
check_lines.py     text to rows
check_header.py    delimiter and column names; check_names.py which name means which column
check_rows.py      quotes, keys, numbers, labels of the first rows
"""

from __future__ import annotations

from collections.abc import Sequence

from start_pipeline.check_header import check_header, other_delimiter
from start_pipeline.check_lines import Row, first_line, rows_of
from start_pipeline.check_records import MEGABYTE, Finding, TableSpec
from start_pipeline.check_rows import Sample, check_rows, is_in_another_encoding
from start_pipeline.check_text import MARK, decode, is_text, is_utf_8_instead, no_table, wrong_encoding

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
    text = decode(head, table.encoding, complete=complete)
    if isinstance(text, Finding):
        return text
    finding = _check_text(text, head, table, complete=complete)
    if finding and not is_text(head, table.encoding):
        return no_table(head, table.encoding) or finding
    if finding and finding.code in ("header-missing", "columns-missing"):
        return is_utf_8_instead(head, table.encoding) or finding
    return finding


def suffix_finding(key: str, suffixes: Sequence[str]) -> Finding | None:
    """Why a key's ending keeps it out of the table, or None."""
    if key.lower().endswith(tuple(suffixes)):
        return None
    name = key.rpartition("/")[2]
    return Finding("suffix", f"{name!r} ends in none of {', '.join(suffixes)}; rename it", {"suffixes": [*suffixes]})


def _check_text(text: str, head: bytes, table: TableSpec, *, complete: bool) -> Finding | None:
    if complete and not text.strip():
        return Finding("empty", "the file holds no text but blanks; upload it again if it should hold rows")
    records = list(rows_of(text, table.delimiter, complete=complete))
    if not records and not table.columns:
        return None
    names: Row = [*table.columns] if table.columns else records.pop(0)
    if names is None:
        reason = "a quote in the first line is open or closes within a name; put quotes around whole names only"
        return Finding("header-missing", reason)
    if MARK in "".join(names):
        return wrong_encoding(head, table.encoding)
    if not names:
        return Finding("header-missing", "the first line is empty; the first line names every column")
    places = check_header(names, first_line(text), table)
    if isinstance(places, Finding):
        return places
    rows = [row for row in records if row != []]
    if is_in_another_encoding(rows, complete=complete):
        return wrong_encoding(head, table.encoding)
    finding = check_rows(Sample(rows, places, len(names), complete), table)
    if finding and finding.code == "ragged-rows" and table.columns:
        return other_delimiter(first_line(text.lstrip("\r\n")), table) or finding
    return finding
