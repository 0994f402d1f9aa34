"""Records why a look started nothing, for `millrace runs`. Called by `look.py`."""

from __future__ import annotations

from shared import log

from start_pipeline.ledger import Ledger
from start_pipeline.rows import ALREADY_RUNNING, NOTHING_NEW, TABLES_MISSING, Lock, Skip, short, skip_item

KEPT_SECONDS = 30 * 86_400


def already_running(
    ledger: Ledger, lock: Lock, *, cause: str, now: float, correlation: str, forced: bool = False
) -> None:
    """One item for each run, however often somebody looks while it runs. A start that was asked for is not kept."""
    follows = "this start is dropped: ask again when it has ended"
    if not forced:
        follows = "new files go into the next run, which starts when it ends"
    reason = f"run {short(lock.holder)} is {lock.phase}; {follows}"
    skip = _skip(lock.model, ALREADY_RUNNING, reason, cause, now, correlation)
    ledger.count(skip, skip_item(lock.acquired_at, ALREADY_RUNNING))
    _say(skip, lock.holder)


def nothing_new(ledger: Ledger, lock: Lock, *, cause: str, now: float, correlation: str) -> None:
    reason = f"nothing new since run {short(lock.last_run)}" if lock.last_run else "nothing new, and no run yet"
    skip = _skip(lock.model, NOTHING_NEW, reason, cause, now, correlation)
    ledger.add(skip)
    _say(skip, lock.last_run)


def tables_missing(
    ledger: Ledger, model: str, tables: tuple[str, ...], *, cause: str, now: float, correlation: str
) -> None:
    reason = f"waiting for a file in: {', '.join(tables)}"
    skip = _skip(model, TABLES_MISSING, reason, cause, now, correlation)
    ledger.add(skip)
    _say(skip, "")


def _skip(model: str, code: str, reason: str, cause: str, time: float, correlation: str) -> Skip:
    return Skip(model, code, reason, cause, time, expires=int(time) + KEPT_SECONDS, correlation=correlation)


def _say(skip: Skip, run: str) -> None:
    log.info(
        f"skipped-{skip.code}",
        f"{skip.model}: skipped: {skip.reason}",
        model=skip.model,
        cause=skip.cause,
        run=run,
        correlation_id=skip.correlation,
    )
