"""Brings the rows of files up to date with what the bucket holds, as `plan.py` worked out. Called by `look.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from botocore.exceptions import ClientError
from shared import log

from start_pipeline import lock as run_lock
from start_pipeline.admit import Arrival, judge, judgement
from start_pipeline.errors import Again, OutOfTime, Vanished, code_of
from start_pipeline.ledger import TRANSACTION, Change, FileState, Ledger
from start_pipeline.plan import GONE, HIDDEN, Close, Comparison, Step
from start_pipeline.rows import DELETED, SCHEDULE, FileRow, Lock, from_item
from start_pipeline.services import Services
from start_pipeline.settings import ModelSettings
from start_pipeline.start import MARGIN_SECONDS

AT_ONCE = 256
BUSY = {"SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "TooManyRequestsException"}


@dataclass(frozen=True)
class Mender:
    """Works for one look, which found the lock free."""

    services: Services
    ledger: Ledger
    model: ModelSettings
    lock: Lock
    now: float
    correlation: str
    deadline: float

    def mend(self, found: Comparison, files: dict[str, FileState]) -> bool:
        """Mend the ledger, and `files` with it; False if a version could not be read."""
        self._close(found, files)
        for row in self.services.each(self._record, found.record):
            files[row.item] = _state(row)
        all_readable = True
        for first in range(0, len(found.admit), AT_ONCE):
            if self.services.clock() > self.deadline - MARGIN_SECONDS:
                raise OutOfTime(f"{len(found.admit) - first} files are still to be checked")
            for admitted in self.services.each(self._admit, found.admit[first : first + AT_ONCE]):
                if admitted is None:
                    all_readable = False
                else:
                    files[admitted.item] = _state(admitted)
        for step in found.revive:
            revived = self._revive(step, files[step.item])
            if revived is None:
                all_readable = False
            else:
                files[step.item] = _state(revived)
        self._look_again_if_gone(found, files)
        return all_readable

    def _look_again_if_gone(self, found: Comparison, files: Mapping[str, FileState]) -> None:
        """Deleted for good since it was listed: an older version is the current one now, and belongs in its place."""
        for step in (*found.admit, *found.revive):
            if step.item in files and files[step.item].state == DELETED:
                raise Again(f"{step.version.key} was deleted while it was checked")

    def _close(self, found: Comparison, files: dict[str, FileState]) -> None:
        """Only while the lock is free: a run that takes a file must not find it closed meanwhile."""
        for first in range(0, len(found.close), TRANSACTION - 1):
            lot = found.close[first : first + TRANSACTION - 1]
            self.ledger.all_or_none([self._closing(close, files) for close in lot], guard=run_lock.guard(self.lock))
            for close in lot:
                row = files[close.item]
                files[close.item] = replace(row, state=close.state)
                log.info(
                    "file-" + close.state,
                    f"{row.key}: {close.reason}",
                    model=self.model.name,
                    key=row.key,
                    version_id=row.version_id,
                    correlation_id=row.correlation,
                )

    def _closing(self, close: Close, files: Mapping[str, FileState]) -> Change:
        row = files[close.item]
        values = {"state": close.state, "reason": close.reason, "changed_at": self.now}
        if close.reason_code:
            values["reason_code"] = close.reason_code
        return Change(close.item, values, expect={"state": row.state, "run": row.run or None})

    def _record(self, step: Step) -> FileRow:
        """A version that needs no check: it is no data, or was replaced before anybody heard of it."""
        row = replace(self._row(step), seen_at=self.now, changed_at=self.now)
        return self._add(replace(row, reason_code=step.reason_code, reason=step.reason))

    def _admit(self, step: Step) -> FileRow | None:
        """Check a version nobody announced, and note it; None if it cannot be read."""
        row = self._judge(step)
        return self._add(row) if row else None

    def _add(self, row: FileRow) -> FileRow:
        """Note a row, unless its event came meanwhile."""
        if self.ledger.add(row):
            log.info(
                "file-" + row.state,
                f"{row.key}: found by looking, {row.state}",
                model=row.model,
                key=row.key,
                version_id=row.version_id,
                correlation_id=row.correlation,
            )
            return row
        there = self.ledger.get(row.item)
        found = from_item(FileRow, there) if there else None
        if found is None or (found.state in HIDDEN and found.state != row.state):
            raise Again(f"the row of {row.key} was changed meanwhile")
        return found

    def _revive(self, step: Step, old: FileState) -> FileRow | None:
        """A version that is current again, because the one that hid it was deleted for good."""
        row = self._judge(step)
        if row is None:
            return None
        values, removed = judgement(row)
        expect = {"state": old.state, "run": old.run or None}
        self.ledger.all_or_none([Change(row.item, values, removed, expect)], guard=run_lock.guard(self.lock))
        log.info("file-revived", f"{row.key}: current again, {row.state}", model=row.model, key=row.key)
        return row

    def _judge(self, step: Step) -> FileRow | None:
        row = self._row(step)
        try:
            return judge(self.services, self.model, row, Arrival(SCHEDULE, self.now, self.correlation))
        except Vanished:
            return replace(row, state=DELETED, reason=GONE, seen_at=self.now, changed_at=self.now)
        except ClientError as error:
            if code_of(error) in BUSY or error.response["ResponseMetadata"].get("HTTPStatusCode", 0) >= 500:
                raise
            log.error(
                "file-unreadable",
                f"{row.key} cannot be read ({error}); the next look tries again",
                model=row.model,
                key=row.key,
                version_id=row.version_id,
            )
            return None

    def _row(self, step: Step) -> FileRow:
        version, bucket = step.version, self.services.settings.raw_bucket
        return FileRow(
            self.model.name,
            version.table,
            bucket,
            version.key,
            version.version_id,
            step.state,
            SCHEDULE,
            etag=version.etag,
            size=version.size,
            modified=version.modified,
            correlation=self.correlation,
        )


def _state(row: FileRow) -> FileState:
    return FileState(row.state, row.run, row.seen_at, row.correlation, row.key, row.version_id)
