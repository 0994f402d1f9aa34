"""The items of the ledger as records: files, runs, skips, the lock and the wake-up. Pure; used by everything here.

One DynamoDB table, keyed by `model` and `item`. Times are epoch seconds. Empty texts and None are not stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeVar

SEEN, ASSIGNED, TRAINED, FAILED = "seen", "assigned", "trained", "failed"
REJECTED, SUPERSEDED, DELETED = "rejected", "superseded", "deleted"
STATES = (SEEN, ASSIGNED, TRAINED, FAILED, REJECTED, SUPERSEDED, DELETED)
"""What a file version is: waits for a run, is in one, that run succeeded or failed; or is in none, and why."""

STARTING, RUNNING = "starting", "running"
SUCCEEDED, STOPPED = "succeeded", "stopped"
ENDED = {"Succeeded": SUCCEEDED, "Failed": FAILED, "Stopped": STOPPED}
"""The states in which SageMaker leaves an execution, and ours of the run."""

UPLOAD, SCHEDULE, REPLAY = "upload", "schedule", "replay"
ALREADY_RUNNING, NOTHING_NEW, TABLES_MISSING = "already-running", "nothing-new", "tables-missing"
FILES, RUNS, SKIPS, LOCK, WAKE = "file#", "run#", "skip#", "lock", "wake"
REQUESTS = "request#"
"""A start that was asked for, not found necessary: the item is written with the lock, so it starts once."""

Record = TypeVar("Record")


def file_item(table: str, *, bucket: str, key: str, version_id: str) -> str:
    """The sort key of a file version."""
    digest = hashlib.sha256(f"{bucket}\n{key}\n{version_id}".encode()).hexdigest()
    return f"{table_items(table)}{digest[:40]}"


def table_items(table: str) -> str:
    """What the sort keys of a table's file versions begin with."""
    return f"{FILES}{table}#"


def run_id(digest: str, attempt: int) -> str:
    return f"{digest}-{attempt}"


def split_run(run: str) -> tuple[str, int] | None:
    """The digest and the attempt of a run id; None for the name of an execution that is none of ours."""
    digest, _, attempt = run.rpartition("-")
    if len(digest) != 64 or set(digest) - set("0123456789abcdef") or not (attempt.isascii() and attempt.isdigit()):
        return None
    return digest, int(attempt)


def short(run: str) -> str:
    """A run id for people."""
    parts = split_run(run)
    return f"{parts[0][:12]}-{parts[1]}" if parts else run


def run_item(digest: str, attempt: int) -> str:
    return f"{RUNS}{digest}#{attempt:05}"


def skip_item(time: float, code: str) -> str:
    return f"{SKIPS}{int(time * 1000):013}#{code}"


@dataclass(frozen=True)
class FileRow:
    """One version of one raw object."""

    model: str
    table: str
    bucket: str
    key: str
    version_id: str
    state: str
    source: str = UPLOAD
    etag: str = ""
    size: int = 0
    modified: float = 0
    seen_at: float = 0
    changed_at: float = 0
    run: str = ""
    correlation: str = ""
    reason_code: str = ""
    reason: str = ""
    quarantine: str = ""
    replayed: str = ""

    @property
    def item(self) -> str:
        return file_item(self.table, bucket=self.bucket, key=self.key, version_id=self.version_id)


@dataclass(frozen=True)
class RunRow:
    """One attempt to train on one data set; its id is also the execution's request token and display name."""

    model: str
    digest: str
    attempt: int
    state: str
    cause: str
    input_uri: str
    files: int
    new_files: int
    correlation: str
    started_at: float
    arn: str = ""
    ended_at: float | None = None
    failure_reason: str = ""

    @property
    def run(self) -> str:
        return run_id(self.digest, self.attempt)

    @property
    def item(self) -> str:
        return run_item(self.digest, self.attempt)


@dataclass(frozen=True)
class Skip:
    """Why a look started nothing. `times` counts the looks during one and the same run."""

    model: str
    code: str
    reason: str
    cause: str
    time: float
    expires: int
    times: int = 1
    correlation: str = ""

    @property
    def item(self) -> str:
        return skip_item(self.time, self.code)


@dataclass(frozen=True)
class Lock:
    """At most one run per model. Every write that changes the holder or the phase is conditional on `revision`."""

    model: str
    revision: int = 0
    holder: str = ""
    phase: str = ""
    arn: str = ""
    lease_until: float = 0
    acquired_at: float = 0
    cause: str = ""
    correlation: str = ""
    quiet_listing: str = ""
    last_run: str = ""
    last_run_state: str = ""
    last_run_ended: float = 0
    last_model_at: float = 0
    last_scheduled: float = 0


@dataclass(frozen=True)
class Wake:
    """A look is due: uploads since `first_at`, the newest at `last_at`."""

    model: str
    due: float
    first_at: float
    last_at: float
    correlation: str = ""

    @property
    def item(self) -> str:
        return WAKE


NewRecord = FileRow | RunRow | Skip | Wake
"""What is written as a whole; the lock is only ever changed."""


def encode(value: Any) -> dict[str, str]:
    """A value as DynamoDB's wire format has it."""
    if isinstance(value, str):
        return {"S": value}
    return {"N": str(round(value, 3) if isinstance(value, float) else value)}


def decode(value: Mapping[str, str]) -> Any:
    if "N" in value:
        number = value["N"]
        return int(number) if number.lstrip("-").isdigit() else float(number)
    return value["S"]


def to_item(record: NewRecord) -> dict[str, dict[str, str]]:
    """A record as an item of the table."""
    values: dict[str, Any] = {item.name: getattr(record, item.name) for item in fields(record)}
    values["item"] = record.item
    if isinstance(record, RunRow):
        values["run"] = record.run
    return {name: encode(value) for name, value in values.items() if value not in ("", None)}


def from_item(record: type[Record], item: Mapping[str, Mapping[str, str]]) -> Record:
    """An item of the table as a record; attributes the record does not know are left out, empty texts come back."""
    known = fields(record)  # type: ignore[arg-type]
    values: dict[str, Any] = {field.name: "" for field in known if field.type == "str" and field.default is MISSING}
    values |= {field.name: decode(item[field.name]) for field in known if field.name in item}
    return record(**values)
