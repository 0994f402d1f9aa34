"""Turns a burst of uploads into one look: a delayed message in our own queue, moved on while files keep coming.

A delayed message needs no further service, role or resource, and counts in seconds; a one-time schedule counts in
minutes. The `wake` item says that a look is due. Whoever finds it absent, or long overdue, sends the message; the
look deletes it before it reads anything, so a file that came before is seen and one that comes later wakes again.
The end of a run looks without a wake-up; if it finds a file that came just before, it asks for one.
"""

from __future__ import annotations

from shared import log

from start_pipeline.errors import Again
from start_pipeline.ledger import Change, Ledger
from start_pipeline.messages import LookDue
from start_pipeline.rows import WAKE, Wake, from_item
from start_pipeline.services import Services

OVERDUE_SECONDS = 10
"""Later than this the message is taken for lost: whoever was to send it stopped before."""
TRIES = 8


def read(ledger: Ledger) -> Wake | None:
    item = ledger.get(WAKE)
    return from_item(Wake, item) if item else None


def overdue(wake: Wake, now: float) -> bool:
    return now > wake.due + OVERDUE_SECONDS


def ask(services: Services, model: str, *, now: float, correlation: str) -> None:
    """See to it that somebody looks at the model once its uploads pause."""
    ledger, debounce = services.ledger(model), services.settings.models[model].trigger.debounce_seconds
    due = round(now + debounce, 3)
    for _ in range(TRIES):
        wake = read(ledger)
        if wake is None:
            if ledger.add(Wake(model, due, now, now, correlation)):
                return _send_or_undo(services, ledger, due, delay=debounce, correlation=correlation)
        elif overdue(wake, now):
            if ledger.change(Change(WAKE, {"due": due, "last_at": now}, expect={"due": wake.due})):
                return _send_or_undo(services, ledger, due, delay=debounce, correlation=wake.correlation)
        elif wake.last_at >= now or ledger.change(Change(WAKE, {"last_at": now}, expect={"due": wake.due})):
            return None
    raise Again(f"the wake-up of {model} is being changed all the time")


def is_time(services: Services, message: LookDue, *, now: float, receives: int) -> bool:
    """May the look take place? If files keep coming, it is put off, and the message with it."""
    ledger, trigger = services.ledger(message.model), services.settings.models[message.model].trigger
    for _ in range(TRIES):
        wake = read(ledger)
        if wake is None:
            return True
        due = round(min(wake.last_at + trigger.debounce_seconds, wake.first_at + trigger.max_wait_seconds), 3)
        if now >= due:
            if consume(ledger, wake):
                return True
        elif wake.due > message.due + 0.001:
            # Another message carries on. This one is a duplicate, or its sender stopped before sending the other.
            return receives > 1
        elif ledger.change(Change(WAKE, {"due": due}, expect={"due": wake.due})):
            _send(services, message.model, due, delay=due - now, correlation=wake.correlation)
            return False
    raise Again(f"the wake-up of {message.model} is being changed all the time")


def consume(ledger: Ledger, wake: Wake) -> bool:
    """Take the wake-up away; False if it was changed meanwhile."""
    return ledger.drop(WAKE, expect={"due": wake.due, "last_at": wake.last_at})


def _send_or_undo(services: Services, ledger: Ledger, due: float, *, delay: float, correlation: str) -> None:
    try:
        _send(services, ledger.model, due, delay=delay, correlation=correlation)
    except Exception:
        ledger.change(Change(WAKE, {"due": 0}, expect={"due": due}))  # overdue: the next to ask sends it
        raise


def _send(services: Services, model: str, due: float, *, delay: float, correlation: str) -> None:
    services.send({"look": model, "due": due, "correlation": correlation}, delay=delay)
    log.info("look-due", f"{model}: a look is due in {delay:.1f} s", model=model, correlation_id=correlation)
