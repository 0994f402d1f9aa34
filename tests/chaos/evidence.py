"""What the checker judges: the generator's own record beside what S3, the ledger and the executions say at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Upload:
    """A put as the generator made it, with the version id that S3 answered."""

    at: float
    model: str
    table: str
    key: str
    version_id: str
    digest: str
    verdict: str
    noticed: bool
    """Whether at least one event of it reached the queue."""


@dataclass(frozen=True)
class Version:
    """A line of S3's version list."""

    key: str
    version_id: str
    latest: bool
    marker: bool


@dataclass(frozen=True)
class Current:
    """From `at` on this was the current version of the key; None after a deletion."""

    at: float
    key: str
    version_id: str | None


@dataclass(frozen=True)
class Trained:
    """An execution, the manifest that it found, and the digests of the files that it read."""

    arn: str
    model: str
    name: str
    started: float
    ended: float | None
    status: str
    by_hand: bool
    manifest: Mapping[str, Any] | None
    reads: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class DeadLetter:
    body: str
    reason: str
    explanation: str


@dataclass(frozen=True)
class Asked:
    """A start that somebody asked for."""

    model: str
    request: str
    body: str


@dataclass(frozen=True)
class Evidence:
    """One history after it has become quiet. Rows are the ledger's items as plain values."""

    tables: Mapping[str, tuple[str, ...]]
    trigger: Mapping[str, Any]
    uploads: tuple[Upload, ...]
    versions: tuple[Version, ...]
    timeline: tuple[Current, ...]
    rows: tuple[Mapping[str, Any], ...]
    executions: tuple[Trained, ...]
    waiting: tuple[str, ...] = ()
    dead: tuple[DeadLetter, ...] = ()
    poison: tuple[str, ...] = ()
    asked: Mapping[str, int] = field(default_factory=dict)
    """How many starts and replays somebody asked for, by model."""
    requests: tuple[Asked, ...] = ()
    replayed: frozenset[tuple[str, str]] = frozenset()
    """The versions (key and version id) that somebody had taken again."""
    listed_at_once: bool = True
    """Whether one answer of S3 listed a whole table, so that a manifest is the bucket of one moment."""
