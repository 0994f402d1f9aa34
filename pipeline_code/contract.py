"""The reasons why a row or a file is put into quarantine, told by code and in words. docs/data.md lists them.

contract_files.py    what is no table at all, the encoding
contract_header.py   column names
contract_start.py    the columns of one file
contract_records.py  bytes to whole rows: quotes, lengths
contract_bytes.py    rows that are no text, or ragged
contract_rows.py     values: numbers, ranges, labels, keys
contract_table.py    all files of one table, one batch of good rows after the other
duplicates.py        rows with the same key
quarantine.py        where the bad ones are written
"""

from __future__ import annotations

from dataclasses import dataclass

SHOWN = 40
ROW_CODES = (
    "row-too-long",
    "quotes",
    "encoding",
    "control-characters",
    "ragged-rows",
    "header-again",
    "keys-missing",
    "not-numeric",
    "out-of-range",
    "label-values",
    "duplicate-row",
    "key-conflict",
    "no-partner",
)
FILE_CODES = (
    "empty",
    "compressed",
    "binary",
    "encoding",
    "delimiter",
    "header-missing",
    "columns-doubled",
    "columns-missing",
    "columns-too-many",
    "columns-differ",
    "no-rows",
)


@dataclass(frozen=True)
class Fault:
    """A bad row: its number in its file (from 1, without the header and empty lines), and its bytes."""

    row: int
    code: str
    reason: str
    text: bytes


class BadFile(Exception):
    """A file of which no row can be taken."""

    def __init__(self, code: str, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(reason)


def shown(text: str) -> str:
    """A value out of a file, short enough for a sentence."""
    return repr(text) if len(text) <= SHOWN else f"{text[:SHOWN]!r}..."


def listed(names: list[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(shown, names[:most])) + more
