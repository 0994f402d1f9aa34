"""Notes how a run ended: its files, its row, then the lock. Called for the end-of-run event, and by `look.py`.

The lock comes last, so whoever finds it free finds everything noted. Each step may be repeated.
"""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import ClientError
from shared import log

from start_pipeline import lock as run_lock
from start_pipeline.errors import Again, LostLock, code_of
from start_pipeline.ledger import TRANSACTION, Change, Ledger
from start_pipeline.rows import (
    ASSIGNED,
    ENDED,
    FAILED,
    RUNNING,
    SEEN,
    STARTING,
    STOPPED,
    SUCCEEDED,
    TRAINED,
    Lock,
    RunRow,
    from_item,
    run_item,
    split_run,
)
from start_pipeline.services import Services

UNKNOWN = {"ResourceNotFound", "ResourceNotFoundException"}
LOST = "SageMaker does not know the execution any more"
TRIES = 6


@dataclass(frozen=True)
class Execution:
    """What SageMaker says about an execution; `name` is the run id if we started it."""

    arn: str
    name: str
    status: str
    failure_reason: str

    @property
    def ended(self) -> bool:
        return self.status in ENDED


def describe(services: Services, arn: str) -> Execution | None:
    """None if SageMaker does not know it."""
    try:
        answer = services.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    except ClientError as error:
        if code_of(error) in UNKNOWN:
            return None
        raise
    return Execution(
        arn,
        answer.get("PipelineExecutionDisplayName", ""),
        answer["PipelineExecutionStatus"],
        answer.get("FailureReason", ""),
    )


def finish(ledger: Ledger, execution: Execution, *, now: float) -> bool:
    """Note the end of an execution; False if it has not ended or is none of ours."""
    parts = split_run(execution.name)
    item = ledger.get(run_item(*parts)) if parts and execution.ended else None
    if item is None:
        log.info("run-foreign", f"{execution.arn} ({execution.status}) is no ended run of ours", arn=execution.arn)
        return False
    run, state = from_item(RunRow, item), ENDED[execution.status]
    close(ledger, run, state=state, arn=execution.arn, reason=execution.failure_reason, now=now)
    return True


def lose(ledger: Ledger, lock: Lock, *, now: float) -> None:
    """The execution is unknown: its files wait again, and the lock is free."""
    parts = split_run(lock.holder)
    item = ledger.get(run_item(*parts)) if parts else None
    log.error("run-lost", f"{lock.holder}: {LOST}: {lock.arn}", model=lock.model, run=lock.holder, arn=lock.arn)
    if item is None:
        run_lock.release(ledger, lock)
        return
    close(ledger, from_item(RunRow, item), state=FAILED, arn=lock.arn, reason=LOST, now=now, files=SEEN)


def close(ledger: Ledger, run: RunRow, *, state: str, arn: str, reason: str, now: float, files: str = "") -> None:
    """Files, run row, lock, in this order."""
    trained = state == SUCCEEDED
    _move_files(ledger, run, ASSIGNED, files or (TRAINED if trained else FAILED), now=now)
    if trained and run.state in (FAILED, STOPPED):
        _move_files(ledger, run, FAILED, TRAINED, now=now)  # somebody retried the execution, and it worked
    changed = _end_row(ledger, run, state=state, arn=arn, reason=reason, now=now)
    _release(ledger, run.run, state=state, now=now)
    if changed:
        log.info(
            "run-ended",
            f"{run.model}: run {run.run} {state}" + (f": {reason}" if reason else ""),
            model=run.model,
            run=run.run,
            arn=arn,
            state=state,
            correlation_id=run.correlation,
        )


def _move_files(ledger: Ledger, run: RunRow, old: str, new: str, *, now: float) -> None:
    for _ in range(TRIES):
        items = sorted(ledger.files(state=old, run=run.run))
        try:
            for first in range(0, len(items), TRANSACTION):
                lot = items[first : first + TRANSACTION]
                values = {"state": new, "changed_at": now}
                expect = {"state": old, "run": run.run}
                ledger.all_or_none([Change(item, values, expect=expect) for item in lot])
            return
        except Again:
            continue  # somebody else is noting the same end
    raise Again(f"the files of {run.run} are being changed all the time")


def _end_row(ledger: Ledger, run: RunRow, *, state: str, arn: str, reason: str, now: float) -> bool:
    """The state in the run's row; one that has ended changes only if its execution was retried."""
    values = {"state": state, "arn": arn, "ended_at": now, **({"failure_reason": reason} if reason else {})}
    before = (STARTING, RUNNING) if state != SUCCEEDED else (STARTING, RUNNING, FAILED, STOPPED)
    remove = () if reason else ("failure_reason",)
    return any(ledger.change(Change(run.item, values, remove, {"state": old})) for old in before)


def _release(ledger: Ledger, run: str, *, state: str, now: float) -> None:
    for _ in range(TRIES):
        lock = run_lock.read(ledger)
        if lock.holder != run:
            return
        try:
            run_lock.end(ledger, lock, state=state, now=now)
            return
        except LostLock:
            continue  # its starter has just noted that it runs
    raise Again(f"the lock of {ledger.model} is being changed all the time")
