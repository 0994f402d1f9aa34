"""Checks the schedule expressions of EventBridge Scheduler, which AWS would refuse only at deployment."""

from __future__ import annotations

import re

_RATE = re.compile(r"rate\((\d+) (minutes?|hours?|days?)\)")
_CRON = re.compile(r"cron\(([^()]*)\)")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minutes", 0, 59, ()),
    ("hours", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 1, 7, _DAYS),
    ("year", 1970, 2199, ()),
)


def wrong_schedule(expression: str) -> str | None:
    """What is wrong with a repeating schedule expression, or None."""
    if rate := _RATE.fullmatch(expression):
        return _wrong_rate(int(rate[1]), rate[2])
    if cron := _CRON.fullmatch(expression):
        return _wrong_cron(cron[1].split())
    return "write rate(<number> <minutes|hours|days>) or cron(<six fields>), for example rate(1 hour)"


def _wrong_rate(number: int, unit: str) -> str | None:
    if number < 1:
        return "the number must be 1 or more"
    singular = unit.removesuffix("s")
    right = singular if number == 1 else f"{singular}s"
    return None if unit == right else f"write rate({number} {right})"


def _wrong_cron(fields: list[str]) -> str | None:
    if len(fields) != len(_FIELDS):
        names = ", ".join(name for name, *_ in _FIELDS)
        return f"cron has six fields ({names}), this has {len(fields)}"
    wrong = [
        f"{name} {field!r} must lie within {low}-{high}"
        for field, (name, low, high, words) in zip(fields, _FIELDS, strict=True)
        if not _field_fits(field, name, low, high, words)
    ]
    if (fields[2] == "?") == (fields[4] == "?"):
        wrong.append("exactly one of day of month and day of week must be ?")
    return "; ".join(wrong) or None


def _field_fits(field: str, name: str, low: int, high: int, words: tuple[str, ...]) -> bool:
    if field == "?":
        return name.startswith("day")
    if name == "day of month" and (field in ("L", "LW") or re.fullmatch(r"([1-9]|[12]\d|3[01])W", field)):
        return True
    if name == "day of week" and re.fullmatch(r"L|([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)(L|#[1-5])", field):
        return True
    return all(_part_fits(part, low, high, words) for part in field.split(","))


def _part_fits(part: str, low: int, high: int, words: tuple[str, ...]) -> bool:
    span, slash, step = part.partition("/")
    if slash and not (step.isdecimal() and 1 <= int(step) <= high):
        return False
    if span == "*":
        return True
    ends = [_number(end, words) for end in span.split("-")]
    return len(ends) <= 2 and all(end is not None and low <= end <= high for end in ends)


def _number(text: str, words: tuple[str, ...]) -> int | None:
    if text in words:
        return words.index(text) + 1
    return int(text) if text.isdecimal() and text.isascii() else None
