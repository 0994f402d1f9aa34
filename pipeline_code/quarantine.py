"""Where bad rows and files are told: quarantine/<table>/rows.csv and report.json; called by contract_table.py and
prepare_batch.py.

Every bad row counts; of each code the first MOST_LISTED are listed. What was written survives a failing step, as the
folder is uploaded while the job runs.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from contract import Fault

MOST_LISTED = 10_000
LONGEST_TEXT = 500
COLUMNS = ("file", "row", "code", "reason", "text")


@dataclass(frozen=True)
class FileFault:
    file: str
    code: str
    reason: str
    bytes: int


@dataclass
class Quarantine:
    """Of one table; `suffix` keeps the files of several instances apart."""

    folder: Path
    table: str
    suffix: str = ""
    files: list[FileFault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    """The first row of each code, for sentences."""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._listing = (self.folder / f"rows{self.suffix}.csv").open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._listing, lineterminator="\n")
        self._rows.writerow(COLUMNS)

    @property
    def bad_rows(self) -> int:
        return self.counts.total() - self.counts["no-partner"]

    @property
    def bad_bytes(self) -> int:
        return sum(fault.bytes for fault in self.files)

    def row(self, file: str, fault: Fault) -> None:
        self.counts[fault.code] += 1
        if self.counts[fault.code] <= MOST_LISTED:
            text = fault.text[: LONGEST_TEXT * 4].decode("utf-8", "backslashreplace").replace("\0", "\\x00")
            shortened = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "..."
            self._rows.writerow((file, fault.row, fault.code, fault.reason, shortened))
            self.first.setdefault(fault.code, f"{file} row {fault.row}: {fault.reason}")

    def lists(self, code: str) -> bool:
        """Whether one more row of this code would be listed."""
        return self.counts[code] < MOST_LISTED

    def count(self, code: str, rows: int) -> None:
        """Rows that are counted but not listed."""
        self.counts[code] += rows

    def file(self, fault: FileFault) -> None:
        self.files.append(fault)

    def flush(self) -> None:
        """The list is on disk, and nothing is added to it."""
        self._listing.close()

    def report(self, **facts: Any) -> None:
        """Writes the report; `facts` are the rows read, the limits, the shares and the sentence."""
        self.flush()
        report = {
            "table": self.table,
            **facts,
            "counts": dict(sorted(self.counts.items())),
            "listed": {code: min(count, MOST_LISTED) for code, count in sorted(self.counts.items())},
            "first": dict(sorted(self.first.items())),
            "files": [asdict(fault) for fault in self.files],
        }
        path = self.folder / f"report{self.suffix}.json"
        path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
