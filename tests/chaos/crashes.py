"""Which crashes a history is played with: found by playing it without any and looking at the calls it made."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.chaos.calls import AFTER, BEFORE, Call, Crash
from tests.chaos.files import bad, good
from tests.chaos.history import BAD, BEGIN, GOOD, HOUR, Action, Delete, DeleteVersion, History, Put, Send

Name = tuple[str, str]


def every(calls: Sequence[Call], *, until: float) -> list[Crash]:
    """Before and after each call that was made while things may still go wrong."""
    return [Crash(call.label, call.occurrence, when) for call in calls if call.at < until for when in (BEFORE, AFTER)]


def by_label(calls: Sequence[Call], *, until: float, plays: int, seed: int) -> list[frozenset[Crash]]:
    """For each kind of call one crash before and one after it, spread over some plays."""
    chance = random.Random(f"crashes {seed}")
    chosen: dict[Name, Crash] = {}
    found = every(calls, until=until)
    chance.shuffle(found)
    for crash in found:
        chosen.setdefault((crash.label, crash.when), crash)
    crashes = list(chosen.values())
    return [frozenset(crashes[number::plays]) for number in range(min(plays, len(crashes)))]


def names(crashes: Sequence[Crash]) -> set[Name]:
    return {(crash.label, crash.when) for crash in crashes}


def reference() -> History:
    """A short history in which each of the function's jobs has something to do, and nothing goes wrong by itself."""
    claims, customers, accounts = "raw/claims-fraud/claims/", "raw/claims-fraud/customers/", "raw/churn/accounts/"
    chance = random.Random("reference")

    def put(minute: float, key: str, verdict: str = GOOD) -> Put:
        _, model, table, _ = key.split("/", 3)
        body = (good if verdict == GOOD else bad)(chance, model, table)
        return Put(BEGIN + minute * 60, key, body, verdict)

    actions: list[Action] = [
        put(1, f"{claims}a.csv"),
        put(1.01, f"{customers}보험 청구.csv"),
        put(1.02, f"{customers}bad.csv", BAD),
        put(3, f"{claims}while it runs.csv"),
        put(3.01, f"{claims}a.csv"),
        Delete(BEGIN + 200, f"{claims}while it runs.csv"),
        DeleteVersion(BEGIN + 202, f"{claims}while it runs.csv", 0),
        put(30, f"{customers}Unnoticed.Csv"),
        put(31, f"{customers}Unnoticed bad.Csv", BAD),
        put(32, f"{accounts}a.csv"),
        Send(BEGIN + 75 * 60, "vanished"),
        Send(BEGIN + 76 * 60, "replay", key=f"{accounts}a.csv"),
        Send(BEGIN + 90 * 60, "start", model="claims-fraud"),
        put(95, f"{accounts}b.csv"),
    ]
    return History(
        seed=0,
        actions=tuple(actions),
        quiet=BEGIN + 2.2 * HOUR,
        trigger={
            "debounce_seconds": 2,
            "max_wait_seconds": 60,
            "suffixes": [".csv"],
            "attempts": 2,
            "start": "new",
            "max_model_age_hours": 0,
            "lock_hours": 24,
            "largest_file_mb": 5000,
        },
        page=1000,
        complete=True,
        failing=0.4,
        throttling=0.0,
        troubles=False,
    )
