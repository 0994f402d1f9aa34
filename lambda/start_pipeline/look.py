"""Looks at a model: is a run going on, is there anything new, is it to be started? Called by `batch.py`.

The one place where a run is decided on, whoever asks: an upload, the schedule, the end of a run, or somebody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared import log

from start_pipeline import lock as run_lock
from start_pipeline import skips, wake
from start_pipeline.bucket import Listing, Version, list_versions
from start_pipeline.errors import Again, LostLock, OutOfTime
from start_pipeline.finish import describe, finish, lose
from start_pipeline.ledger import FileState, Ledger
from start_pipeline.manifest import Manifest
from start_pipeline.mend import Mender
from start_pipeline.plan import DataSet, History, compare, data_set, worth_a_run
from start_pipeline.rows import REQUESTS, RUNNING, SCHEDULE, STARTING, Lock, file_item, short
from start_pipeline.services import Services
from start_pipeline.settings import ModelSettings
from start_pipeline.start import LEASE_MARGIN, Starter, attempts

RUN_ENDED, LEASE, AGE = "run-ended", "lease", "age"
TRIES = 8
HOUR = 3600


@dataclass(frozen=True)
class Look:
    """Who looks at what. `request` names what must not be started twice; `forced` needs nothing new."""

    model: str
    cause: str
    now: float
    correlation: str
    request: str = ""
    forced: bool = False
    run: str = ""


def look(services: Services, wanted: Look, *, deadline: float) -> None:
    """Look, again if somebody changed the ledger meanwhile."""
    reason = ""
    for _ in range(TRIES):
        try:
            _Looker(services, wanted, services.settings.models[wanted.model], deadline).look()
            return
        except Again as error:
            reason = str(error)
        except LostLock as error:
            log.info("lock-lost", f"{error}; another invocation goes on", model=wanted.model)
            return
        except OutOfTime as error:
            log.info("out-of-time", f"{wanted.model}: going on in another invocation: {error}", model=wanted.model)
            _go_on(services, wanted)
            return
    raise Again(f"{wanted.model}: looked {TRIES} times, and every time: {reason}")


def _go_on(services: Services, wanted: Look) -> None:
    """The same in another invocation; should the start have begun, it finds the lock and goes on with it."""
    if wanted.forced:
        asked = {"model": wanted.model, "cause": wanted.cause, "run": wanted.run, "request": wanted.request}
        services.send({"start": asked})
    else:
        _look_later(services, wanted, delay=0, cause=wanted.cause)


def _look_later(services: Services, wanted: Look, *, delay: float, cause: str) -> None:
    due = wanted.now + delay
    message = {"look": wanted.model, "due": due, "correlation": wanted.correlation, "plain": True, "cause": cause}
    services.send({**message, "request": wanted.request}, delay=delay)


@dataclass(frozen=True)
class _Looker:
    services: Services
    wanted: Look
    model: ModelSettings
    deadline: float

    @property
    def ledger(self) -> Ledger:
        return self.services.ledger(self.model.name)

    @property
    def starter(self) -> Starter:
        return Starter(self.services, self.ledger, self.deadline, self.wanted.now)

    @property
    def _about(self) -> dict[str, Any]:
        return {"cause": self.wanted.cause, "now": self.wanted.now, "correlation": self.wanted.correlation}

    def look(self) -> None:
        lock = run_lock.read(self.ledger)
        if lock.holder:
            self._held(lock)
        elif self._asked_before():
            log.info("start-known", f"{self.model.name}: {self.wanted.request} was started before")
        elif self.wanted.run:
            self._begin(lock, self.starter.manifest(self.wanted.run), self.wanted.correlation)
        else:
            self._free(lock)

    def _asked_before(self) -> bool:
        return bool(self.wanted.request) and self.ledger.get(REQUESTS + self.wanted.request) is not None

    def _held(self, lock: Lock) -> None:
        """Somebody has the lock: has he a right to it?"""
        if lock.phase == STARTING:
            if lock.lease_until <= max(self.services.clock(), self.wanted.now):
                self.starter.resume(lock)
                if self.wanted.forced:
                    skips.already_running(self.ledger, lock, forced=True, **self._about)
                return
            if self.wanted.cause != LEASE:  # should the starter be gone, somebody must come by
                rest = lock.lease_until - self.services.clock()
                _look_later(self.services, self.wanted, delay=rest + LEASE_MARGIN, cause=LEASE)
        elif lock.phase == RUNNING:
            execution = describe(self.services, lock.arn)
            if execution is None:
                lose(self.ledger, lock, now=self.wanted.now)
                raise Again("the execution is unknown")
            execution = replace(execution, name=lock.holder)  # anybody may rename an execution
            if execution.ended:
                if not finish(self.ledger, execution, now=self.wanted.now):
                    run_lock.release(self.ledger, lock)
                raise Again("the run has ended")
            self._stop_if_stale(lock, execution.status)
        if self.wanted.cause != LEASE:  # it only sees to the lease
            skips.already_running(self.ledger, lock, forced=self.wanted.forced, **self._about)

    def _stop_if_stale(self, lock: Lock, status: str) -> None:
        hours = (self.wanted.now - lock.acquired_at) / HOUR
        if hours <= self.model.trigger.lock_hours or status != "Executing":
            return
        log.error(
            "run-stale",
            f"{lock.model}: run {short(lock.holder)} holds the lock for {hours:.1f} hours, longer than lock_hours = "
            f"{self.model.trigger.lock_hours:g} allows; stopping it",
            model=lock.model,
            run=lock.holder,
            arn=lock.arn,
            correlation_id=lock.correlation,
        )
        token = hashlib.sha256(f"stop {lock.holder}".encode()).hexdigest()
        self.services.sagemaker.stop_pipeline_execution(PipelineExecutionArn=lock.arn, ClientRequestToken=token)

    def _free(self, lock: Lock) -> None:
        wanted, pending = self.wanted, wake.read(self.ledger)
        if pending and wanted.cause == RUN_ENDED and not wake.overdue(pending, wanted.now):
            log.info("look-pending", f"{lock.model}: files are coming in; the look that is due decides")
            return
        if pending and wanted.cause == SCHEDULE and wake.overdue(pending, wanted.now):
            wake.consume(self.ledger, pending)
        may_be_quiet = wanted.cause == SCHEDULE and lock.quiet_listing and not pending and not self._due(lock)
        if may_be_quiet and self._list().digest == lock.quiet_listing:
            skips.nothing_new(self.ledger, lock, **self._about)
            return
        self._decide(lock)

    def _decide(self, lock: Lock) -> None:
        """Rows first, then the listing: a row whose version is not listed stands for a version that is gone."""
        files = self.ledger.files()
        listing = self._list()
        found = compare(listing.versions, files, model=self.model, item_of=self._item)
        mender = Mender(
            self.services, self.ledger, self.model, lock, self.wanted.now, self.wanted.correlation, self.deadline
        )
        all_readable = mender.mend(found, files)
        data = data_set(found.current, files, model=self.model)
        if data.missing:
            skips.tables_missing(self.ledger, self.model.name, data.missing, **self._about)
            return
        manifest = Manifest(self.model.name, data.tables)
        history = History(*attempts(self.ledger, manifest.digest))
        worth = worth_a_run(data, history, attempts=self.model.trigger.attempts)
        if worth and self._still_coming(data, files):
            wake.ask(self.services, lock.model, now=self.wanted.now, correlation=self._correlation(data, files))
        elif worth or self.wanted.forced or self._due(lock):
            self._begin(lock, manifest, self._correlation(data, files), worth=worth)
        else:
            if self.wanted.cause not in (LEASE, RUN_ENDED):  # nobody asked, and most runs end so
                skips.nothing_new(self.ledger, lock, **self._about)
            if all_readable:
                run_lock.remember_quiet(self.ledger, lock, listing.digest)

    def _still_coming(self, data: DataSet, files: Mapping[str, FileState]) -> bool:
        """Did a file come so shortly before the end of a run that nobody has waited yet for those that follow it?

        Its event may be on its way still. Who else looks has waited, or is the schedule, which relies on no wake-up.
        """
        debounce = self.model.trigger.debounce_seconds
        if self.wanted.cause != RUN_ENDED or not debounce:
            return False
        return any(files[item].seen_at > self.wanted.now - debounce for item in data.waiting)

    def _begin(self, lock: Lock, manifest: Manifest, correlation: str, *, worth: bool = False) -> None:
        cause = AGE if not worth and self._aged(lock) else self.wanted.cause
        attempt, _ = attempts(self.ledger, manifest.digest)
        request = "" if worth and not self.wanted.forced else self.wanted.request
        self.starter.begin(lock, manifest, attempt=attempt + 1, cause=cause, correlation=correlation, request=request)

    def _due(self, lock: Lock) -> bool:
        """Does the schedule start a run though nothing is new?"""
        return self.wanted.cause == SCHEDULE and (self.model.trigger.start == "always" or self._aged(lock))

    def _aged(self, lock: Lock) -> bool:
        """A run that failed counts too: the next try comes after the same time."""
        hours = self.model.trigger.max_model_age_hours
        newest = max(lock.last_model_at, lock.last_run_ended)
        due = bool(hours and lock.last_model_at) and self.wanted.now - newest >= hours * HOUR
        return due and self.wanted.cause == SCHEDULE

    def _correlation(self, data: DataSet, files: Mapping[str, FileState]) -> str:
        """The id of the oldest upload that waits."""
        waiting = [files[item] for item in (*data.waiting, *data.failed)]
        known = [(row.seen_at, row.correlation) for row in waiting if row.correlation]
        return min(known)[1] if known else self.wanted.correlation

    def _list(self) -> Listing:
        return list_versions(self.services.s3, bucket=self.services.settings.raw_bucket, model=self.model)

    def _item(self, version: Version) -> str:
        bucket = self.services.settings.raw_bucket
        return file_item(version.table, bucket=bucket, key=version.key, version_id=version.version_id)
