"""Rows with the endpoint's answers beside them, written as they come: Parquet for the report, CSV for the refused.

For analyze.py; pipeline_code/analyze.py reads them.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from millrace.cli.latencies import Latencies
from millrace.cli.scoring import Answered, Refusal

ANSWER = "answer, "  # with a comma, which no column of a model has in its name
GROUP = 8192
FIRST, KINDS = 20, 30


class AnswerFile:
    """The rows in a folder of one Parquet file; texts as they were sent, answers as numbers."""

    def __init__(self, folder: Path, *, features: Sequence[str], label: str, others: Sequence[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "part-00000-00000.parquet"
        self._features, self._label, self._others = list(features), label, list(others)
        self._writer: Any = None
        self._schema: Any = None
        self._texts: dict[str, list[str]] = {name: [] for name in (*features, *others, label)}
        self._answers: dict[str, list[Any]] = {}

    def write(self, found: Answered) -> None:
        for place, name in enumerate(self._features):
            self._texts[name] += [row[place] for row in found.batch.features]
        for place, name in enumerate(self._others):
            self._texts[name] += [row[place] for row in found.batch.others]
        self._texts[self._label] += found.batch.labels
        for prediction in found.predictions:
            for name, value in flat(prediction):
                self._answers.setdefault(name, []).append(value)
        if len(self._texts[self._label]) >= GROUP:
            self._write_group()

    def close(self) -> None:
        if self._texts[self._label]:
            self._write_group()
        if self._writer:
            self._writer.close()

    def _write_group(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._writer is None:
            answers = [
                (name, pa.float64() if isinstance(values[0], float) else pa.string())
                for name, values in self._answers.items()
            ]
            self._schema = pa.schema([*((name, pa.string()) for name in self._texts), *answers])
            self._writer = pq.ParquetWriter(self._path, self._schema, use_dictionary=list(self._texts))
        self._writer.write_table(pa.table({**self._texts, **self._answers}, schema=self._schema))
        self._texts = {name: [] for name in self._texts}
        self._answers = {}


class Tally:
    """What the report tells of the requests; the refused rows go to a file one by one."""

    def __init__(self, refused: Path, header: Sequence[str]) -> None:
        self.read = self.answered = self.refused = self.requests = 0
        self.versions: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._first: list[Refusal] = []
        self._per_request, self._per_row = Latencies(), Latencies()
        self._file = refused.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow(["line", "why", *header])

    def note(self, found: Answered) -> None:
        self.read += len(found.batch) + len(found.refused)
        self.answered += len(found.batch)
        self.refused += len(found.refused)
        self.requests += len(found.requests)
        self.versions.update(version for version in found.versions if version)
        for milliseconds, rows in found.requests:
            self._per_request.note(milliseconds)
            self._per_row.note(milliseconds / rows, rows)
        for each in found.refused:
            self._kinds[each.kind if each.kind in self._kinds or len(self._kinds) < KINDS else "other reasons"] += 1
            self._rows.writerow([each.line, each.why, *each.fields])
        self._first += found.refused[: FIRST - len(self._first)]

    def close(self) -> None:
        self._file.close()

    @property
    def median(self) -> float:
        return self._per_request.percentile(0.5)

    def facts(self) -> dict[str, Any]:
        return {
            "read": self.read,
            "answered": self.answered,
            "refused": self.refused,
            "requests": self.requests,
            "versions": dict(self.versions.most_common()),
            "reasons": dict(self._kinds.most_common()),
            "first_refused": [{"line": each.line, "why": each.why} for each in self._first],
            "latency": {"request": self._per_request.told(), "row": self._per_row.told()},
        }


def flat(prediction: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The columns of one answer: its numbers, one per class if there are several, and its decision as a text."""
    found: list[tuple[str, Any]] = []
    for name, value in prediction.items():
        if name == "scores":
            found += [(f"{ANSWER}{each}", float(score)) for each, score in value.items()]
        elif name in ("score", "prediction"):
            found.append((f"{ANSWER}{name}", float(value)))
        elif name == "decision":
            found.append((f"{ANSWER}{name}", str(value)))
    return found
