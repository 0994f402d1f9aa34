"""The trigger's ledger, read row by row: files, runs, skips, the run lock. For the commands; nothing here writes.

One DynamoDB table: the partition is the model, the sort key names the kind of row (`file#...`, `run#...`, `skip#...`,
`lock`, `wake`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from millrace.cli.connect import Connection

SEEN, ASSIGNED, TRAINED, FAILED = "seen", "assigned", "trained", "failed"
REJECTED, SUPERSEDED, DELETED = "rejected", "superseded", "deleted"
STATES = (SEEN, ASSIGNED, TRAINED, FAILED, REJECTED, SUPERSEDED, DELETED)
BATCH = 100

Item = Mapping[str, Mapping[str, Any]]


class _Row:
    """A record whose fields are named after the row's attributes; a missing attribute keeps the default."""

    @classmethod
    def of(cls, item: Item) -> Self:
        values = {name: _plain(value) for name, value in item.items()}
        return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})  # type: ignore[arg-type]


@dataclass(frozen=True)
class FileRow(_Row):
    """One version of one object."""

    model: str
    table: str
    bucket: str
    key: str
    version_id: str
    state: str
    size: int = 0
    modified: float = 0.0
    run: str = ""
    correlation: str = ""
    reason_code: str = ""
    reason: str = ""
    quarantine: str = ""
    source: str = ""
    seen_at: float = 0.0
    changed_at: float = 0.0


@dataclass(frozen=True)
class RunRow(_Row):
    """One start of a pipeline; `run` is `<digest of the manifest>-<attempt>`, the execution's display name too."""

    model: str
    run: str
    state: str
    arn: str = ""
    cause: str = ""
    input_uri: str = ""
    files: int = 0
    new_files: int = 0
    correlation: str = ""
    started_at: float = 0.0
    failure_reason: str = ""


@dataclass(frozen=True)
class Skip(_Row):
    """A look at the data that started nothing, and why; `times`: how many looks during one and the same run."""

    model: str
    item: str
    code: str
    reason: str
    time: float
    cause: str = ""
    times: int = 1


@dataclass(frozen=True)
class Lock(_Row):
    """Which run has the model's only place, and how the last one ended; no holder: free."""

    model: str
    holder: str = ""
    phase: str = ""
    arn: str = ""
    cause: str = ""
    correlation: str = ""
    last_run: str = ""
    last_run_state: str = ""


@dataclass(frozen=True)
class Wake(_Row):
    """A look at the data that is due."""

    model: str
    due: float
    first_at: float = 0.0
    last_at: float = 0.0
    correlation: str = ""


class Ledger:
    """The ledger of one account."""

    def __init__(self, connection: Connection, table: str) -> None:
        self._client = connection.client("dynamodb")
        self._table = table

    def files(self, model: str) -> Iterator[FileRow]:
        """The rows of a model's files."""
        return (FileRow.of(item) for item in self._query(model, "file#"))

    def states(self, model: str) -> Counter[str]:
        """How many of a model's files are in each state."""
        return Counter(str(_plain(item["state"])) for item in self._query(model, "file#", only="state"))

    def named(self, model: str, table: str, bucket: str, versions: Iterable[tuple[str, str]]) -> list[FileRow]:
        """The rows of these (key, version id) of one table; those that have no row are left out."""
        items = [file_item(table, bucket, key, version) for key, version in versions]
        return [FileRow.of(item) for item in self._get(model, items)]

    def runs(self, model: str, *, digest: str = "") -> list[RunRow]:
        """The runs whose manifest's digest begins like this, oldest first."""
        rows = [RunRow.of(item) for item in self._query(model, f"run#{digest}")]
        return sorted(rows, key=lambda row: row.started_at)

    def run_rows(self, model: str, runs: Iterable[str]) -> dict[str, RunRow]:
        """The rows of these runs by their name."""
        rows = [RunRow.of(item) for item in self._get(model, [run_item(run) for run in runs])]
        return {row.run: row for row in rows}

    def skips(self, model: str, *, limit: int) -> list[Skip]:
        """The newest skips, newest first."""
        return [Skip.of(item) for item in self._query(model, "skip#", newest=limit)]

    def lock(self, model: str) -> Lock:
        return next((Lock.of(item) for item in self._get(model, ["lock"])), Lock(model))

    def wake(self, model: str) -> Wake | None:
        return next((Wake.of(item) for item in self._get(model, ["wake"])), None)

    def _query(self, model: str, prefix: str, *, newest: int | None = None, only: str = "") -> Iterator[Item]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": "#model = :model AND begins_with(#item, :prefix)",
            "ExpressionAttributeNames": {"#model": "model", "#item": "item"},
            "ExpressionAttributeValues": {":model": {"S": model}, ":prefix": {"S": prefix}},
        }
        if only:
            request["ProjectionExpression"] = "#only"
            request["ExpressionAttributeNames"]["#only"] = only
        if newest is not None:
            yield from self._client.query(**request, ScanIndexForward=False, Limit=newest)["Items"]
            return
        for page in self._client.get_paginator("query").paginate(**request):
            yield from page["Items"]

    def _get(self, model: str, items: list[str]) -> Iterator[Item]:
        unique = list(dict.fromkeys(items))
        for start in range(0, len(unique), BATCH):
            keys = [{"model": {"S": model}, "item": {"S": item}} for item in unique[start : start + BATCH]]
            asked: dict[str, Any] = {self._table: {"Keys": keys, "ConsistentRead": True}}
            while asked:
                answer = self._client.batch_get_item(RequestItems=asked)
                yield from answer["Responses"].get(self._table, [])
                asked = answer.get("UnprocessedKeys", {})


def file_item(table: str, bucket: str, key: str, version_id: str) -> str:
    """The sort key of a file's row."""
    digest = hashlib.sha256(f"{bucket}\n{key}\n{version_id}".encode()).hexdigest()
    return f"file#{table}#{digest[:40]}"


def run_item(run: str) -> str:
    """The sort key of a run's row."""
    digest, _, attempt = run.rpartition("-")
    return f"run#{digest}#{int(attempt):05}"


def is_run_name(text: str) -> bool:
    """Whether this is a whole name of a run: `<64 hex digits>-<attempt>`."""
    digest, _, attempt = text.rpartition("-")
    return len(digest) == 64 and attempt.isdigit()


def short(run: str) -> str:
    """A run's name as it is shown: twelve digits of the digest are enough."""
    digest, dash, attempt = run.rpartition("-")
    return f"{digest[:12]}{dash}{attempt}"


def _plain(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    if kind == "N":
        number = float(content)
        return int(number) if number.is_integer() else number
    return "" if kind == "NULL" else content
