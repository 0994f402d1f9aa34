"""What a check of the doctor found: that something is well, would fail, deserves a look, or could not be checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from millrace.cli import screen

GOOD, LOOK, BAD, SKIPPED = "ok", "look", "fails", "not checked"
STYLES = {GOOD: screen.GOOD, LOOK: screen.BUSY, BAD: screen.BAD, SKIPPED: screen.FAINT}


@dataclass(frozen=True)
class Finding:
    """`why`: why it matters; `todo`: what to do about it. Both are empty if all is well."""

    subject: str
    state: str
    what: str
    why: str = ""
    todo: str = ""


def good(subject: str, what: str) -> Finding:
    return Finding(subject, GOOD, what)


def bad(subject: str, what: str, *, why: str, todo: str) -> Finding:
    return Finding(subject, BAD, what, why, todo)


def look(subject: str, what: str, *, why: str, todo: str) -> Finding:
    return Finding(subject, LOOK, what, why, todo)


def skipped(subject: str, what: str, todo: str = "") -> Finding:
    return Finding(subject, SKIPPED, what, todo=todo)


def attempt(subject: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What a check finds; one that cannot be carried out is no check that passed."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield from check()
    except ClientError as error:
        told = error.response["Error"]
        yield skipped(subject, f"{error.operation_name}: {told.get('Code')}: {told.get('Message', '')}".strip(": "))
    except BotoCoreError as error:
        yield skipped(subject, str(error))
