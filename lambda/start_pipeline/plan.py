"""What a look has to do, worked out from the listing and the ledger. Pure; called by `look.py`.

`compare` says which rows are out of date; when they are mended, `decide` says what the data set is and whether
it is worth a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from start_pipeline.bucket import REMOVED, Version
from start_pipeline.check import Finding, suffix_finding
from start_pipeline.ledger import FileState
from start_pipeline.manifest import RawFile
from start_pipeline.rows import ASSIGNED, DELETED, FAILED, REJECTED, SEEN, STOPPED, SUPERSEDED, TRAINED, table_items
from start_pipeline.settings import ModelSettings

OPEN = (SEEN, ASSIGNED, FAILED)
"""Looked at with a free lock, a version in one of these waits for a run; an assigned one lost its run."""
HIDDEN = (SUPERSEDED, DELETED)
WHY = {
    SUPERSEDED: "a newer version of the file came before this one was trained",
    DELETED: "the file was deleted before this version was trained",
}
GONE = "the version was deleted for good before it was trained"

Files = Mapping[str, FileState]
ItemOf = Callable[[Version], str]


@dataclass(frozen=True)
class Step:
    """A version whose row is missing or out of date, and the state it belongs in."""

    item: str
    version: Version
    state: str
    reason_code: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Close:
    """A row that waits for a run it can no longer be in, and the state it belongs in."""

    item: str
    state: str
    reason: str
    reason_code: str = ""


@dataclass(frozen=True)
class Comparison:
    """What to mend. `admit` and `revive` are current and need a check first: without a row, and with one."""

    admit: tuple[Step, ...]
    revive: tuple[Step, ...]
    record: tuple[Step, ...]
    close: tuple[Close, ...]
    current: Mapping[str, Version]

    @property
    def clean(self) -> bool:
        return not (self.admit or self.revive or self.record or self.close)


def compare(versions: Iterable[Version], files: Files, *, model: ModelSettings, item_of: ItemOf) -> Comparison:
    """Every listed version against its row, and every row against the listing."""
    admit: list[Step] = []
    revive: list[Step] = []
    record: list[Step] = []
    close: list[Close] = []
    current: dict[str, Version] = {}
    listed: set[str] = set()
    for version in versions:
        item = item_of(version)
        listed.add(item)
        row = files.get(item)
        unfit = suffix_finding(version.key, model.trigger.suffixes)
        if not version.hidden and not unfit:
            current[item] = version
        if row is None:
            step = _first(item, version, unfit)
            (admit if step.state == SEEN else record).append(step)
        elif version.hidden and row.state in OPEN:
            state = _hidden(version)
            close.append(Close(item, state, WHY[state]))
        elif unfit and row.state in OPEN:
            close.append(Close(item, REJECTED, unfit.reason, unfit.code))
        elif not version.hidden and not unfit and row.state in HIDDEN:
            revive.append(Step(item, version, SEEN))
    tables = tuple(table_items(table) for table in model.tables)
    for item, row in files.items():
        if item not in listed and row.state in OPEN and item.startswith(tables):
            close.append(Close(item, DELETED, GONE))
    return Comparison(tuple(admit), tuple(revive), tuple(record), tuple(close), current)


def _first(item: str, version: Version, unfit: Finding | None) -> Step:
    """The first state of a version the ledger has never heard of."""
    if unfit:
        return Step(item, version, REJECTED, unfit.code, unfit.reason)
    if version.hidden:
        state = _hidden(version)
        return Step(item, version, state, reason=WHY[state])
    return Step(item, version, SEEN)


def _hidden(version: Version) -> str:
    return DELETED if version.hidden == REMOVED else SUPERSEDED


@dataclass(frozen=True)
class DataSet:
    """The usable current versions of each table, and which of them no finished run has trained."""

    tables: Mapping[str, tuple[RawFile, ...]]
    waiting: tuple[str, ...]
    failed: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The tables that have no file yet."""
        return tuple(table for table, files in self.tables.items() if not files)


def data_set(current: Mapping[str, Version], files: Files, *, model: ModelSettings) -> DataSet:
    """The data set as the mended ledger has it; rejected versions are not part of it."""
    tables: dict[str, list[RawFile]] = {table: [] for table in model.tables}
    waiting, failed = [], []
    for item, version in current.items():
        state = files[item].state if item in files else ""
        if state not in (*OPEN, TRAINED):
            continue
        tables[version.table].append(RawFile(version.key, version.version_id, version.etag, version.size))
        if state == FAILED:
            failed.append(item)
        elif state != TRAINED:
            waiting.append(item)
    ordered = {table: tuple(sorted(found)) for table, found in tables.items()}
    return DataSet(ordered, tuple(waiting), tuple(failed))


@dataclass(frozen=True)
class History:
    """The runs there were on this very data set."""

    attempts: int = 0
    last_state: str = ""

    def may_try_again(self, attempts: int) -> bool:
        """Failed files wait for other data once their data set had its attempts, or somebody stopped it."""
        return self.attempts < attempts and self.last_state != STOPPED


def worth_a_run(data: DataSet, history: History, *, attempts: int) -> bool:
    return bool(data.waiting) or (bool(data.failed) and history.may_try_again(attempts))
