"""Files that the deployed pipeline can really train on, every version of them different from every other.

The claims come in one large file and many small ones with policies of their own, for a key may stand in one row only.
A further version of a file lacks one more of its rows; so the rows that a run has read tell which versions they were.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from millrace.demo_data import generate

ROWS, LARGE, SMALL = 1500, 1200, 15
KEY = "policy_id"

Rows = list[list[str]]


@dataclass(frozen=True)
class Content:
    """The bytes of a version and the policies in it."""

    body: bytes
    policies: frozenset[str]


@dataclass
class DeployedData:
    header: dict[str, list[str]]
    chunks: dict[str, list[Rows]]
    versions: dict[tuple[str, int], int]

    @classmethod
    def make(cls, folder: Path) -> DeployedData:
        generate(folder, rows=ROWS)
        header, chunks = {}, {}
        for table in ("claims", "customers"):
            with (folder / f"{table}.csv").open(newline="", encoding="utf-8") as file:
                first, *rows = list(csv.reader(file))
            rows.sort(key=_policy(first))
            header[table] = first
            size = LARGE if table == "claims" else ROWS
            small = [rows[start : start + SMALL] for start in range(size, ROWS, SMALL)]
            chunks[table] = [rows[:size], *small]
        return cls(header, chunks, {})

    def next_version(self, table: str, chunk: int) -> Content:
        """The next version of a chunk; chunk 0 is the large one."""
        rows = self.chunks[table][chunk]
        number = self.versions.get((table, chunk), 0)
        self.versions[table, chunk] = number + 1
        kept = [row for place, row in enumerate(rows) if number == 0 or place != (number - 1) % len(rows)]
        at = self.header[table].index(KEY)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.header[table], *kept])
        return Content(text.getvalue().encode(), frozenset(row[at] for row in kept))


def _policy(header: list[str]) -> Callable[[list[str]], int]:
    at = header.index(KEY)
    return lambda row: int(row[at])
