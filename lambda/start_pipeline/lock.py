"""The run lock of a model: one item, each change of hands conditional on its revision. Used by look, start, finish.

free -> starting (acquire) -> running (run) -> free (release); `take_over` when the one who was starting is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from start_pipeline.errors import Again, LostLock
from start_pipeline.ledger import Change, Ledger
from start_pipeline.rows import LOCK, REQUESTS, RUNNING, STARTING, SUCCEEDED, Lock, from_item

HELD = ("holder", "phase", "arn", "lease_until")
REQUEST_DAYS = 30
DAY = 86_400


def read(ledger: Ledger) -> Lock:
    item = ledger.get(LOCK)
    return from_item(Lock, item) if item else Lock(ledger.model)


def guard(lock: Lock) -> Change:
    """True as long as nobody changed the lock since it was read."""
    return Change(LOCK, expect={"revision": lock.revision or None})


def acquire(ledger: Ledger, lock: Lock, *, request: str, now: float, **values: Any) -> Lock:
    """Take a free lock; raises Again if somebody was faster, or took the same request before."""
    held = replace(lock, revision=lock.revision + 1, phase=STARTING, acquired_at=now, quiet_listing="", **values)
    change = _change(lock, held, ("holder", "phase", "acquired_at", "lease_until", "cause", "correlation"))
    change = replace(change, remove=("arn", "quiet_listing"))
    if not request:
        if not ledger.change(change):
            raise Again(f"the lock of {lock.model} was taken meanwhile")
        return held
    note = ledger.request(REQUESTS + request, expires=int(now) + REQUEST_DAYS * DAY)
    ledger.transact([ledger.update_action(change), note])
    return held


def take_over(ledger: Ledger, lock: Lock, *, lease_until: float) -> Lock:
    """Go on with a start whose lease is over."""
    return _write(ledger, lock, replace(lock, lease_until=lease_until), ("lease_until",))


def run(ledger: Ledger, lock: Lock, arn: str) -> Lock:
    """The execution runs."""
    return _write(ledger, lock, replace(lock, phase=RUNNING, arn=arn), ("phase", "arn"))


def release(ledger: Ledger, lock: Lock) -> None:
    """Give up a start, so that another look may decide anew."""
    _write(ledger, lock, replace(lock, holder=""), (), remove=HELD)


def end(ledger: Ledger, lock: Lock, *, state: str, now: float) -> None:
    """The run is over; `state` is how."""
    ended = replace(lock, last_run=lock.holder, last_run_state=state, last_run_ended=now, holder="")
    names = ["last_run", "last_run_state", "last_run_ended"]
    if state == SUCCEEDED:
        ended, names = replace(ended, last_model_at=now), [*names, "last_model_at"]
    _write(ledger, lock, ended, names, remove=HELD)


def remember_quiet(ledger: Ledger, lock: Lock, listing: str) -> None:
    """Note at which listing nothing was new; of no account if somebody was faster."""
    if lock.quiet_listing != listing:
        quiet = replace(lock, revision=lock.revision + 1, quiet_listing=listing)
        ledger.change(_change(lock, quiet, ("quiet_listing",)))


def note_schedule(ledger: Ledger, scheduled: float) -> None:
    """Note that this scheduled time was worked off; leaves the revision, for a start may be going on."""
    lock = read(ledger)
    if lock.last_scheduled < scheduled:
        expect = {"last_scheduled": lock.last_scheduled or None}
        ledger.change(Change(LOCK, {"last_scheduled": scheduled}, expect=expect, exists=False))


def _write(ledger: Ledger, old: Lock, new: Lock, names: Sequence[str], remove: Sequence[str] = ()) -> Lock:
    new = replace(new, revision=old.revision + 1)
    if not ledger.change(replace(_change(old, new, names), remove=remove)):
        raise LostLock(f"the lock of {old.model} changed hands")
    return new


def _change(old: Lock, new: Lock, names: Sequence[str]) -> Change:
    values = {name: getattr(new, name) for name in ("revision", *names)}
    return Change(LOCK, values, expect={"revision": old.revision or None}, exists=False)
