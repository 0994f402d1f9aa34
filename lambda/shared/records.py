"""What the registry tells of a version: `<result> <time> by <who>: <more>` in the characters that it takes. Pure.

Whoever writes a record causes an event that comes back: a record is written only if it says something new.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

LONGEST = 256
NOT_TAKEN = re.compile(r"[^\w .:/=+\-@]+")
SAME = timedelta(minutes=5)
"""How far the clock of whoever calls AWS may be off: it refuses their signature else."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def record(result: str, moment: datetime, who: str, more: str = "") -> str:
    text = f"{result} {utc(moment)} by {who}" + (f": {more}" if more else "")
    return " ".join(NOT_TAKEN.sub(" ", text).split())[:LONGEST].strip()


def news(held: Mapping[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """Those of the records that the registry does not hold yet."""
    return {key: text for key, text in told.items() if held.get(key) != text}


def same_but_when(one: str, other: str) -> bool:
    """Whether two records tell the same, seen at different times."""
    return TIME.sub("", one, count=1) == TIME.sub("", other, count=1)


def tells_it(held: str, told: str, moment: datetime) -> bool:
    """Whether what is held tells of the same moment or a later one.

    Whoever decides may have told it in the same request, with more words and by a clock of their own.
    """
    found = TIME.search(held)
    if not found:
        return False
    theirs = TIME.sub("", held, count=1).startswith(TIME.sub("", told, count=1))
    return datetime.fromisoformat(found[0]) >= moment - (SAME if theirs else timedelta())
