"""Judges a history. Pure: the same evidence always gives the same verdict, whoever played the history.

lost    an object version whose fate in the ledger is missing or untrue, or that a run should have trained on
double  a version twice in a run, a run started twice, two runs at once, a run for nothing
stuck   what still waits after one scheduled hour of quiet: rows, runs, the lock, messages
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.chaos.evidence import Evidence, Trained, Upload
from tests.chaos.history import BAD, GOOD, IGNORE, SUFFIX

LOST, DOUBLE, STUCK = "lost", "double", "stuck"
KINDS = (LOST, DOUBLE, STUCK)
TERMINAL = {"trained", "failed", "rejected", "superseded", "deleted"}
ENDED = {"Succeeded": "succeeded", "Failed": "failed", "Stopped": "stopped"}

Named = tuple[str, str]
"""A version as a manifest names it: key and version id."""


@dataclass(frozen=True)
class Violation:
    kind: str
    what: str


def check(evidence: Evidence) -> tuple[Violation, ...]:
    """Everything that is wrong; empty is good."""
    return tuple(_Check(evidence).violations())


class _Check:
    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.uploads = {(upload.key, upload.version_id): upload for upload in evidence.uploads}
        self.files: dict[Named, list[dict[str, Any]]] = defaultdict(list)
        for row in evidence.rows:
            if str(row["item"]).startswith("file#"):
                self.files[row["key"], row["version_id"]].append(dict(row))
        self.runs = {row["run"]: row for row in evidence.rows if str(row["item"]).startswith("run#")}
        self.executions = sorted((e for e in evidence.executions if not e.by_hand), key=lambda e: e.started)
        self.succeeded = {
            named for e in self.executions if e.status == "Succeeded" for named in named_versions(e.manifest)
        }
        self.tried = {named for e in self.executions for named in named_versions(e.manifest)}
        self.stored = {(v.key, v.version_id) for v in evidence.versions if not v.marker}
        self.current = {(v.key, v.version_id) for v in evidence.versions if v.latest and not v.marker}

    def violations(self) -> Iterator[Violation]:
        for upload in self.evidence.uploads:
            yield from self._fate(upload)
        yield from self._unknown_rows()
        for execution in self.executions:
            yield from self._manifest(execution)
            yield from self._run_row(execution)
        yield from self._starts()
        yield from self._leftovers()
        yield from self._dead_letters()
        yield from self._requests()

    def _fate(self, upload: Upload) -> Iterator[Violation]:
        named = (upload.key, upload.version_id)
        rows = self.files.get(named, [])
        states = [row["state"] for row in rows]
        if upload.verdict == IGNORE:
            if rows:
                yield Violation(LOST, f"{_text(upload)}: nobody should notice it, but it has a row {states}")
            return
        if not rows:
            if named in self.stored or (upload.noticed and upload.verdict != SUFFIX):
                yield Violation(LOST, f"{_text(upload)}: has no row")
            return
        if len(rows) > 1:
            yield Violation(DOUBLE, f"{_text(upload)}: has {len(rows)} rows")
        allowed = self._allowed(upload)
        [state, *_] = states
        if state not in allowed:
            kind = LOST if state in TERMINAL else STUCK
            yield Violation(kind, f"{_text(upload)}: is {state}, but should be {' or '.join(sorted(allowed))}")
        yield from self._reasons(upload, rows[0])

    def _allowed(self, upload: Upload) -> set[str]:
        """The states in which a version may end, from what happened to it in S3 and in runs."""
        named = (upload.key, upload.version_id)
        if upload.verdict == GOOD and named in self.succeeded and named not in self.evidence.replayed:
            return {"trained"}
        trained = {"trained"} if upload.verdict == GOOD and named in self.succeeded else set()
        if named in self.current:
            if upload.verdict in (BAD, SUFFIX):
                return {"rejected"}
            if not self._complete(upload.model):
                return trained | ({"seen", "failed"} if named in self.tried else {"seen"})
            return trained | ({"failed"} if named in self.tried else set())
        gone = self._gone(upload)
        if upload.verdict in (BAD, SUFFIX):
            return gone | {"rejected"}
        return gone | trained | ({"failed"} if named in self.tried else set())

    def _gone(self, upload: Upload) -> set[str]:
        """What came after the version: whoever looked when may tell it by any of it."""
        changes = [change for change in self.evidence.timeline if change.key == upload.key]
        first = next(n for n, change in enumerate(changes) if change.version_id == upload.version_id)
        after = {change.version_id for change in changes[first:]} - {upload.version_id}
        permanently = (upload.key, upload.version_id) not in self.stored
        deleted = {"deleted"} if None in after or permanently else set()
        return deleted | ({"superseded"} if after - {None} else set())

    def _complete(self, model: str) -> bool:
        """Whether every table has a current good file."""
        have = {
            upload.table
            for named, upload in self.uploads.items()
            if upload.model == model and upload.verdict == GOOD and named in self.current
        }
        return have == set(self.evidence.tables[model])

    def _reasons(self, upload: Upload, row: dict[str, Any]) -> Iterator[Violation]:
        if row["state"] == "rejected" and not (row.get("reason_code") and row.get("reason")):
            yield Violation(LOST, f"{_text(upload)}: is rejected without a reason")
        if row["state"] == "rejected" and upload.verdict == BAD and not row.get("quarantine"):
            yield Violation(LOST, f"{_text(upload)}: is rejected, but not in quarantine")
        if row["state"] in ("trained", "failed", "assigned") and row.get("run") not in self.runs:
            yield Violation(LOST, f"{_text(upload)}: is {row['state']} by a run without a row: {row.get('run')}")
        if row["state"] == "trained" and row.get("run") in self.runs:
            run = next((e for e in self.executions if e.name == row["run"]), None)
            named = (upload.key, upload.version_id)
            if run is None or run.status != "Succeeded" or named not in named_versions(run.manifest):
                yield Violation(LOST, f"{_text(upload)}: was not trained by the run that its row names")

    def _unknown_rows(self) -> Iterator[Violation]:
        """Rows of versions that nobody put: only an event of a version that is gone may leave one."""
        for named, rows in self.files.items():
            if named not in self.uploads and any(row["state"] != "deleted" for row in rows):
                yield Violation(LOST, f"{named}: has a row, but was never put: {[row['state'] for row in rows]}")

    def _manifest(self, execution: Trained) -> Iterator[Violation]:
        who = f"run {execution.name[:12]}-{execution.name.rpartition('-')[2]}"
        if execution.manifest is None:
            yield Violation(LOST, f"{who}: was started without a manifest")
            return
        for table, files in execution.manifest["tables"].items():
            named = [(file["key"], file["version_id"]) for file in files]
            keys = Counter(key for key, _ in named)
            for key, times in keys.items():
                if times > 1:
                    yield Violation(DOUBLE, f"{who}: names {key!r} {times} times")
            uploads = [self.uploads.get(version) for version in named]
            for version, upload in zip(named, uploads, strict=True):
                if upload is None or upload.verdict != GOOD:
                    yield Violation(LOST, f"{who}: names {version}, which is {upload.verdict if upload else 'unknown'}")
            wanted = tuple(upload.digest for upload in uploads if upload)
            read = tuple(execution.reads.get(table, ()))
            if sorted(wanted) != sorted(read):
                kind = DOUBLE if len(read) > len(wanted) else LOST
                yield Violation(kind, f"{who}: read {len(read)} files of {table}, not the {len(wanted)} it names")
            yield from self._snapshot(who, execution, table, frozenset(named))

    def _snapshot(self, who: str, execution: Trained, table: str, named: frozenset[Named]) -> Iterator[Violation]:
        """A manifest must be what the table held at one moment before the start."""
        prefix = f"raw/{execution.model}/{table}/"
        state: dict[str, str] = {}
        ever: set[Named] = set()
        moments = [frozenset[Named]()]
        for change in sorted(self.evidence.timeline, key=lambda change: change.at):
            if change.at > execution.started or not change.key.startswith(prefix):
                continue
            upload = self.uploads.get((change.key, change.version_id or ""))
            state.pop(change.key, None)
            if upload and upload.verdict == GOOD:
                state[change.key] = upload.version_id
                ever.add((change.key, upload.version_id))
            moments.append(frozenset(state.items()))
        if (named not in moments) if self.evidence.listed_at_once else not named <= ever:
            yield Violation(LOST, f"{who}: its {len(named)} files of {table} were never the current ones together")

    def _run_row(self, execution: Trained) -> Iterator[Violation]:
        row = self.runs.get(execution.name)
        if row is None:
            yield Violation(LOST, f"run {execution.name}: has no row")
        elif execution.ended is None:
            yield Violation(STUCK, f"run {execution.name}: still runs")
        elif row["state"] != ENDED[execution.status]:
            kind = STUCK if row["state"] in ("starting", "running") else LOST
            yield Violation(kind, f"run {execution.name}: is {row['state']}, but the execution {execution.status}")

    def _starts(self) -> Iterator[Violation]:
        for name, times in Counter(execution.name for execution in self.executions).items():
            if times > 1:
                yield Violation(DOUBLE, f"run {name}: was started {times} times")
        for model in self.evidence.tables:
            mine = [execution for execution in self.executions if execution.model == model]
            for before, after in pairwise(mine):
                if before.ended is None or before.ended > after.started:
                    yield Violation(DOUBLE, f"{model}: {after.name} was started while {before.name} ran")
            needless = self._needless(mine)
            if len(needless) > self.evidence.asked.get(model, 0) and not self._starts_anyway():
                yield Violation(DOUBLE, f"{model}: {len(needless)} runs had nothing new: {needless}")

    def _starts_anyway(self) -> bool:
        return bool(self.evidence.trigger["start"] == "always" or self.evidence.trigger["max_model_age_hours"])

    def _needless(self, mine: list[Trained]) -> list[str]:
        """Runs without a version that no run before had trained on, or beyond the attempts on their data."""
        needless = []
        trained: set[Named] = set()
        attempts: Counter[str] = Counter()
        for execution in mine:
            digest = execution.name.rpartition("-")[0]
            attempts[digest] += 1
            fresh = named_versions(execution.manifest) - trained
            if not fresh or attempts[digest] > int(self.evidence.trigger["attempts"]):
                needless.append(execution.name)
            if execution.status == "Succeeded":
                trained |= named_versions(execution.manifest)
        return needless

    def _leftovers(self) -> Iterator[Violation]:
        for row in self.evidence.rows:
            if row["item"] == "lock" and row.get("holder"):
                yield Violation(STUCK, f"{row['model']}: the lock is held by {row['holder']} ({row.get('phase')})")
            if row["item"] == "wake":
                yield Violation(STUCK, f"{row['model']}: a look is due since {row.get('due')}")
        names = {execution.name for execution in self.executions}
        for run, row in self.runs.items():
            if run not in names:
                yield Violation(STUCK, f"run {run}: is {row['state']}, but no execution has its name")
        for body in self.evidence.waiting:
            yield Violation(STUCK, f"a message still waits: {body[:200]}")

    def _dead_letters(self) -> Iterator[Violation]:
        bodies = Counter(letter.body for letter in self.evidence.dead if letter.reason and letter.explanation)
        for body in self.evidence.poison:
            if not bodies[body]:
                yield Violation(LOST, f"this message is not in the dead letters with its reason: {body[:200]}")

    def _requests(self) -> Iterator[Violation]:
        for asked in self.evidence.requests:
            if not _answered(self.evidence, asked.request, asked.model, asked.body):
                yield Violation(LOST, f"{asked.model}: nothing came of the start that {asked.request} asked for")


def _answered(evidence: Evidence, request: str, model: str, body: str) -> bool:
    """Whether a start that was asked for was made, put off with a word, or put aside."""
    items = {str(row["item"]) for row in evidence.rows if row["model"] == model}
    skips = [item for item in items if item.startswith("skip#") and not item.endswith("#nothing-new")]
    return f"request#{request}" in items or bool(skips) or any(letter.body == body for letter in evidence.dead)


def named_versions(manifest: Any) -> set[Named]:
    """The versions that a manifest names."""
    if manifest is None:
        return set()
    return {(file["key"], file["version_id"]) for files in manifest["tables"].values() for file in files}


def _text(upload: Upload) -> str:
    return f"{upload.verdict} {upload.key!r} {upload.version_id[:8]}"
