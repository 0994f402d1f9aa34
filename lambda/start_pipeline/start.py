"""Copies a data set and starts the pipeline on it, each at most once. Called by `look.py`.

manifest -> lock -> copies -> run row -> file rows -> execution -> lock -> run row. Whoever finds the lock of a
start whose lease is over goes through the same steps again under the same run id: each may be repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from shared import log

from start_pipeline import lock as run_lock
from start_pipeline.bucket import GONE, is_gone
from start_pipeline.errors import Again, DeadLetter, LostLock, OutOfTime, Vanished, code_of
from start_pipeline.ledger import TRANSACTION, Change, FileState, Ledger
from start_pipeline.manifest import Manifest, RawFile, manifest_key, prefix_of
from start_pipeline.rows import ASSIGNED, RUNNING, STARTING, TRAINED, Lock, RunRow, run_id, run_item, split_run
from start_pipeline.services import Services

LARGEST_COPY = 5 * 1024**3
"""S3 copies no larger object in one request."""
COPIES_AT_ONCE = 64
MARGIN_SECONDS = 30
"""Less time than this is not enough for another lot of copies."""
LEASE_MARGIN = 5
IDS_LOGGED = 50
PAUSE_SECONDS = 1
"""SageMaker creates one job per second; runs of a model start no faster."""
TRIES = 6


@dataclass(frozen=True)
class Starter:
    """The start of one model, until Lambda's deadline."""

    services: Services
    ledger: Ledger
    deadline: float
    now: float

    def begin(self, lock: Lock, manifest: Manifest, *, attempt: int, cause: str, correlation: str, request: str) -> str:
        """Start a run on the data set under a free lock; returns the execution's ARN."""
        self._put(manifest.key, manifest.text)
        if 0 < (wait := lock.acquired_at + PAUSE_SECONDS - self.now) <= PAUSE_SECONDS:
            self.services.sleep(wait)
        held = run_lock.acquire(
            self.ledger,
            lock,
            request=request,
            now=self.now,
            holder=run_id(manifest.digest, attempt),
            lease_until=self.deadline + LEASE_MARGIN,
            cause=cause,
            correlation=correlation,
        )
        return self._guarded(held, manifest, resumed=False)

    def resume(self, lock: Lock) -> str:
        """Go on with a start whose invocation is gone."""
        held = run_lock.take_over(self.ledger, lock, lease_until=self.deadline + LEASE_MARGIN)
        log.warning("start-resumed", f"{held.model}: going on with the start of {held.holder}", **_fields(held))
        try:
            manifest = self.manifest(held.holder)
        except DeadLetter as error:
            run_lock.release(self.ledger, held)
            raise Again(str(error)) from error
        return self._guarded(held, manifest, resumed=True)

    def manifest(self, run: str) -> Manifest:
        """The manifest of a run that was begun; raises DeadLetter if there is none."""
        digest, _ = split_run(run) or ("", 0)
        key = manifest_key(digest)
        try:
            answer = self.services.s3.get_object(Bucket=self.services.settings.artifact_bucket, Key=key)
        except ClientError as error:
            if code_of(error) in GONE:
                raise DeadLetter("unknown-run", f"run {run} has no manifest {key} (any more)") from error
            raise
        return Manifest.parse(answer["Body"].read().decode("utf-8"))

    def _guarded(self, lock: Lock, manifest: Manifest, *, resumed: bool) -> str:
        """A handled error ends the lease, so that the retry goes on at once."""
        try:
            return self._start(lock, manifest, resumed=resumed)
        except LostLock:
            raise
        except Vanished as error:
            run_lock.release(self.ledger, lock)
            raise Again(str(error)) from error
        except Exception:
            self._end_lease(lock)
            raise

    def _end_lease(self, lock: Lock) -> None:
        try:
            run_lock.take_over(self.ledger, lock, lease_until=0)
        except LostLock:
            log.info("lease-over", f"{lock.model}: the lock changed hands", **_fields(lock))

    def _start(self, lock: Lock, manifest: Manifest, *, resumed: bool) -> str:
        self._copy(manifest)
        files = self._files(manifest)
        run = self._run_row(lock, manifest, new=sum(row.state != TRAINED for row in files.values()))
        self._assign(lock, manifest)
        arn = (self._find(lock) if resumed else "") or self._execute(lock, run)
        try:
            run_lock.run(self.ledger, lock, arn)
        except LostLock:
            log.info("run-overtaken", f"{lock.model}: {arn} was noted or has ended already", arn=arn, **_fields(lock))
            return arn
        self.ledger.change(Change(run.item, {"state": RUNNING, "arn": arn}, expect={"state": STARTING}))
        log.info(
            "run-started",
            f"{lock.model}: started {arn} on {run.input_uri} ({run.files} files)",
            arn=arn,
            cause=lock.cause,
            files=run.files,
            new_files=run.new_files,
            burst_ids=sorted({row.correlation for row in files.values() if row.state != TRAINED})[:IDS_LOGGED],
            **_fields(lock),
        )
        return arn

    def _copy(self, manifest: Manifest) -> None:
        """Copy what is not there yet."""
        there = self._existing(manifest)
        missing = [copy for copy in manifest.copies() if copy[1] not in there]
        for lot in _lots(missing, COPIES_AT_ONCE):
            if self.services.clock() > self.deadline - MARGIN_SECONDS:
                raise OutOfTime(f"{len(missing)} files were to be copied for {manifest.digest}")
            self.services.each(self._copy_file, lot)

    def _existing(self, manifest: Manifest) -> frozenset[str]:
        pages = self.services.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.services.settings.artifact_bucket, Prefix=manifest.prefix
        )
        return frozenset(item["Key"] for page in pages for item in page.get("Contents", ()))

    def _copy_file(self, copy: tuple[RawFile, str]) -> None:
        file, key = copy
        s3, settings = self.services.s3, self.services.settings
        source = {"Bucket": settings.raw_bucket, "Key": file.key, "VersionId": file.version_id}
        try:
            if file.size > LARGEST_COPY:
                s3.copy(source, settings.artifact_bucket, key)  # in parts
            else:
                # Without the directive S3 would copy tags too, which needs rights nothing else needs.
                s3.copy_object(CopySource=source, Bucket=settings.artifact_bucket, Key=key, TaggingDirective="REPLACE")
        except ClientError as error:
            if is_gone(s3, error, bucket=settings.raw_bucket, key=file.key, version_id=file.version_id):
                raise Vanished(f"{file.key} has no version {file.version_id} any more") from error
            raise

    def _run_row(self, lock: Lock, manifest: Manifest, *, new: int) -> RunRow:
        digest, attempt = split_run(lock.holder) or ("", 0)
        row = RunRow(
            lock.model,
            digest,
            attempt,
            STARTING,
            lock.cause,
            input_uri=f"s3://{self.services.settings.artifact_bucket}/{prefix_of(digest)}",
            files=manifest.files,
            new_files=new,
            correlation=lock.correlation,
            started_at=self.now,
        )
        self.ledger.add(row)
        return row

    def _files(self, manifest: Manifest) -> dict[str, FileState]:
        wanted = set(manifest.items(self.services.settings.raw_bucket))
        return {item: row for item, row in self.ledger.files().items() if item in wanted}

    def _assign(self, lock: Lock, manifest: Manifest) -> None:
        """Name this run in the rows of its files; those an earlier run trained stay as they are."""
        for _ in range(TRIES):
            waiting = {
                item: row
                for item, row in self._files(manifest).items()
                if row.state != TRAINED and not (row.state == ASSIGNED and row.run == lock.holder)
            }
            try:
                for lot in _lots(sorted(waiting.items()), TRANSACTION - 1):
                    changes = [self._assignment(item, row, lock) for item, row in lot]
                    self.ledger.all_or_none(changes, guard=run_lock.guard(lock))
                return
            except Again:
                if run_lock.read(self.ledger).revision != lock.revision:
                    raise LostLock(f"the lock of {lock.model} changed hands") from None
        raise Again(f"the files of {lock.holder} are being changed all the time")

    def _assignment(self, item: str, row: FileState, lock: Lock) -> Change:
        values = {"state": ASSIGNED, "run": lock.holder, "changed_at": self.now}
        return Change(item, values, ("reason", "reason_code"), {"state": row.state, "run": row.run or None})

    def _find(self, lock: Lock) -> str:
        """The execution, if the start was made by an invocation that could not note it."""
        pages = self.services.sagemaker.get_paginator("list_pipeline_executions").paginate(
            PipelineName=lock.model, SortBy="CreationTime", SortOrder="Descending", PaginationConfig={"MaxItems": 300}
        )
        for page in pages:
            for found in page["PipelineExecutionSummaries"]:
                if found.get("PipelineExecutionDisplayName") == lock.holder:
                    return str(found["PipelineExecutionArn"])
        return ""

    def _execute(self, lock: Lock, run: RunRow) -> str:
        parameters = {"InputUri": run.input_uri, "CorrelationId": lock.correlation or "none"}
        answer: Mapping[str, str] = self.services.sagemaker.start_pipeline_execution(
            PipelineName=lock.model,
            PipelineExecutionDisplayName=lock.holder,
            PipelineParameters=[{"Name": name, "Value": value} for name, value in parameters.items()],
            ClientRequestToken=lock.holder,
        )
        return answer["PipelineExecutionArn"]

    def _put(self, key: str, text: str) -> None:
        self.services.s3.put_object(
            Bucket=self.services.settings.artifact_bucket,
            Key=key,
            Body=text.encode("utf-8"),
            ContentType="application/json",
        )


def attempts(ledger: Ledger, digest: str) -> tuple[int, str]:
    """How often a data set was run, and how the last attempt stands."""
    last = (0, "")
    for item in ledger.query(run_item(digest, 0).rpartition("#")[0] + "#", names=("attempt", "state")):
        last = max(last, (int(item["attempt"]["N"]), item["state"]["S"]))
    return last


def _lots(items: list[Any], size: int) -> Iterator[list[Any]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]


def _fields(lock: Lock) -> dict[str, str]:
    return {"model": lock.model, "run": lock.holder, "correlation_id": lock.correlation}
