"""Runs Preprocess in this process on small tables and tells what came out; used by the tests of the data contract."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import preprocess
import pyarrow as pa
import pyarrow.parquet as pq
from features import DataError
from instance import ALONE, Instance
from spec import Limits, ModelSpec, Split

PARTS = ("train", "validation", "test")

SPEC: dict[str, Any] = {
    "model": "small",
    "problem": "regression",
    "label": "y",
    "join_key": "id",
    "tables": ("main",),
    "numeric": ("amount",),
    "categorical": ("kind",),
    "missing": ("", "NA"),
    "split": Split(0.7, 0.15, 0.15, 20),
    "limits": Limits(min_rows=0, largest_bad_share=1.0, largest_unmatched_share=1.0),
}
Tables = Mapping[str, Mapping[str, bytes | str]]


@dataclass(frozen=True)
class Outcome:
    folder: Path
    failure: str = ""
    parts: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [row for part in PARTS for row in self.parts.get(part, [])]

    def report(self, table: str = "main", suffix: str = "") -> dict[str, Any]:
        path = self.folder / "quarantine" / table / f"report{suffix}.json"
        report: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return report

    def bad_rows(self, table: str = "main", suffix: str = "") -> list[dict[str, str]]:
        with (self.folder / "quarantine" / table / f"rows{suffix}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def codes(self, table: str = "main") -> list[tuple[str, int, str]]:
        """File, row and code of each bad row, in order."""
        return sorted((row["file"], int(row["row"]), row["code"]) for row in self.bad_rows(table))

    def bad_files(self, table: str = "main") -> dict[str, str]:
        return {fault["file"]: fault["code"] for fault in self.report(table)["files"]}


def run(folder: Path, files: Tables, /, *, instance: Instance = ALONE, **changes: Any) -> Outcome:
    """Preprocess on these files, by table and name."""
    for table, contents in files.items():
        (folder / "data" / table).mkdir(parents=True)
        for name, content in contents.items():
            data = content.encode() if isinstance(content, str) else content
            (folder / "data" / table / name).write_bytes(data)
    spec = ModelSpec(**{**SPEC, **changes})
    try:
        preprocess.preprocess(folder / "data", folder / "out", spec, instance)
    except DataError as error:
        return Outcome(folder / "out", str(error))
    return Outcome(folder / "out", "", {part: read_part(folder / "out" / part) for part in PARTS})


def read_part(folder: Path) -> list[dict[str, Any]]:
    tables: Sequence[pa.Table] = [pq.ParquetFile(path).read() for path in sorted(folder.glob("*.parquet"))]
    return [row for table in tables for row in table.to_pylist()]
