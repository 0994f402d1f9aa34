"""The alarms tables: who is told, and when silence or age is too long. `stacks/watch.py` makes alarms of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from settings.reader import Reader
from settings.trigger import TriggerSettings

LONGEST_SILENCE = 7 * 24
"""CloudWatch looks back over seven days at most."""

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


@dataclass(frozen=True)
class AccountAlarms:
    """[<account>.alarms] of `accounts.toml`."""

    emails: tuple[str, ...]
    schedule_silent_hours: int


@dataclass(frozen=True)
class ModelAlarms:
    """[alarms] of `models/<name>.toml`."""

    model_age_hours: int


def read_account_alarms(reader: Reader, *, trains: bool = True) -> AccountAlarms:
    """An account that trains nothing has no schedule that could be silent."""
    silent = "schedule_silent_hours"
    if not trains:
        reader.refuse(silent, "is set, but this account trains nothing, so it has no schedule; take it out")
    alarms = AccountAlarms(
        emails=reader.texts("emails", check=wrong_address, empty=True),
        schedule_silent_hours=reader.integer(silent, low=2, high=LONGEST_SILENCE) if trains else 0,
    )
    reader.close()
    return alarms


def read_model_alarms(reader: Reader, trigger: TriggerSettings) -> ModelAlarms:
    alarms = ModelAlarms(model_age_hours=reader.integer("model_age_hours", low=1, high=87_600))
    if reader.good("model_age_hours") and alarms.model_age_hours <= trigger.max_model_age_hours:
        reader.problem(
            "model_age_hours",
            f"is {alarms.model_age_hours}, but trigger.max_model_age_hours trains again only after "
            f"{trigger.max_model_age_hours}; make it longer, so that the alarm means that this did not help",
        )
    reader.close()
    return alarms


def wrong_address(text: str) -> str | None:
    return None if _ADDRESS.fullmatch(text) and len(text) <= 254 else "write a mail address such as team@example.com"
