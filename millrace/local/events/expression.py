"""Schedule expressions, `rate(...)`, `cron(...)` and `at(...)`, and the moment each fires next.

Pure. EventBridge Scheduler and the schedule rules of EventBridge share it.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

UNIT_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
MONTHS = {name: number for number, name in enumerate(MONTH_NAMES, 1)}
WEEKDAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
FIRST_YEAR, LAST_YEAR = 1970, 2199
FORMS = "rate(5 minutes), cron(0 9 ? * MON-FRI *) or at(2026-12-31T09:00:00)"


class ExpressionError(ValueError):
    """An expression that no scheduler accepts."""


@dataclass(frozen=True)
class Rate:
    """Every so many seconds, counted from the schedule's start."""

    seconds: int


@dataclass(frozen=True)
class At:
    """Once, at a local time."""

    moment: datetime


@dataclass(frozen=True)
class Cron:
    """At the local times whose six fields all match; `?` in one day field leaves the day to the other."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    day_of_month: str
    months: tuple[int, ...]
    day_of_week: str
    years: tuple[int, ...]

    def days(self, year: int, month: int) -> set[int]:
        if self.day_of_month != "?":
            return days_of_month(self.day_of_month, year, month)
        return days_of_week(self.day_of_week, year, month)


Expression = Rate | At | Cron


def parse(text: str, *, strict_units: bool = False) -> Expression:
    """`strict_units` asks for `1 hour` and `2 hours`, as rules do; EventBridge Scheduler takes either."""
    found = re.fullmatch(r"(rate|cron|at)\((.*)\)", text.strip())
    if not found:
        raise ExpressionError(f"Invalid schedule expression {text!r}: allowed are {FORMS}")
    kind, body = found[1], found[2].strip()
    if kind == "rate":
        return _rate(body, strict_units)
    return _at(body) if kind == "at" else _cron(body)


def time_zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ExpressionError(f"Invalid time zone {name!r}: give an IANA name such as Asia/Seoul") from error


def next_fire(
    expression: Expression,
    after: float,
    *,
    zone: ZoneInfo | None = None,
    anchor: float = 0.0,
    start: float | None = None,
    end: float | None = None,
) -> float | None:
    """The first moment later than `after` (epoch seconds) at which the expression fires, or None for never.

    A rate counts from `start`, else from `anchor`, and fires then too. Nothing fires outside `start` to `end`.
    """
    zone = zone or time_zone("UTC")
    if isinstance(expression, Rate):
        origin = anchor if start is None else start
        passed = max(0, int((after - origin) // expression.seconds) + 1)
        moment: float | None = origin + passed * expression.seconds
    elif isinstance(expression, At):
        epoch = expression.moment.replace(tzinfo=zone).timestamp()
        moment = epoch if epoch > after else None
    else:
        earliest = after if start is None else max(after, start - 1e-6)
        moment = _next_cron(expression, earliest, zone)
    return None if moment is None or (end is not None and moment > end) else moment


def _next_cron(cron: Cron, after: float, zone: ZoneInfo) -> float | None:
    """Local times that daylight saving leaves out are skipped, those it repeats fire once, the first time."""
    local = datetime.fromtimestamp(after, zone).replace(tzinfo=None, second=0, microsecond=0)
    for candidate in _local_times(cron, local):
        moment = candidate.replace(tzinfo=zone)
        epoch = moment.timestamp()
        exists = datetime.fromtimestamp(epoch, UTC).astimezone(zone).replace(tzinfo=None) == candidate
        if exists and epoch > after:
            return epoch
    return None


def _local_times(cron: Cron, start: datetime) -> Iterator[datetime]:
    for year in (year for year in cron.years if year >= start.year):
        for month in cron.months:
            if (year, month) < (start.year, start.month):
                continue
            for day in sorted(cron.days(year, month)):
                if date(year, month, day) < start.date():
                    continue
                for hour in cron.hours:
                    for minute in cron.minutes:
                        candidate = datetime(year, month, day, hour, minute)
                        if candidate >= start:
                            yield candidate


def _rate(body: str, strict_units: bool) -> Rate:
    found = re.fullmatch(r"(\d+)\s+(minute|hour|day)(s?)", body)
    if not found or int(found[1]) == 0:
        raise ExpressionError(f"Invalid rate({body}): give a whole number above 0 and minutes, hours or days")
    if strict_units and (int(found[1]) == 1) == bool(found[3]):
        raise ExpressionError(f"Invalid rate({body}): the unit is singular for 1 and plural for more")
    return Rate(int(found[1]) * UNIT_SECONDS[found[2]])


def _at(body: str) -> At:
    try:
        return At(datetime.strptime(body, "%Y-%m-%dT%H:%M:%S"))
    except ValueError as error:
        raise ExpressionError(f"Invalid at({body}): give a time as yyyy-mm-ddThh:mm:ss") from error


def _cron(body: str) -> Cron:
    fields = body.upper().split()
    if len(fields) != 6:
        raise ExpressionError(
            f"Invalid cron({body}): it has {len(fields)} fields, six are needed: "
            "minutes hours day-of-month month day-of-week year"
        )
    minutes, hours, day_of_month, month, day_of_week, year = fields
    if (day_of_month == "?") == (day_of_week == "?"):
        raise ExpressionError(f"Invalid cron({body}): exactly one of day-of-month and day-of-week must be ?")
    cron = Cron(
        minutes=_numbers(minutes, 0, 59),
        hours=_numbers(hours, 0, 23),
        day_of_month=day_of_month,
        months=_numbers(month, 1, 12, MONTHS),
        day_of_week=day_of_week,
        years=_numbers(year, FIRST_YEAR, LAST_YEAR),
    )
    cron.days(2024, 1)
    return cron


def _numbers(field: str, low: int, high: int, names: dict[str, int] | None = None) -> tuple[int, ...]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        outside = f"Invalid cron field {field!r}: {part!r} is not within {low} to {high}"
        try:
            begin = low if span == "*" else _number(first, names)
            end = high if span == "*" else _number(last or first, names)
            stride = int(step) if step else 1
        except ValueError as error:
            raise ExpressionError(outside) from error
        if step and not dash and span != "*":
            end = high
        if not (low <= begin <= high and low <= end <= high and stride > 0):
            raise ExpressionError(outside)
        # FRI-MON goes round the end of the week, as 22-3 does round midnight.
        values = range(begin, end + 1) if begin <= end else [*range(begin, high + 1), *range(low, end + 1)]
        found.update(list(values)[::stride])
    return tuple(sorted(found))


def _number(text: str, names: dict[str, int] | None) -> int:
    return names[text] if names and text in names else int(text)


def days_of_month(field: str, year: int, month: int) -> set[int]:
    """The days a day-of-month field names: numbers, `L` (last), `15W` (weekday nearest the 15th), `LW`."""
    last = calendar.monthrange(year, month)[1]
    found: set[int] = set()
    for part in field.split(","):
        if part == "L":
            found.add(last)
        elif part == "LW":
            found.add(_nearest_weekday(year, month, last))
        elif weekday := re.fullmatch(r"(\d+)W", part):
            if not 1 <= int(weekday[1]) <= 31:
                raise ExpressionError(f"Invalid day-of-month {part!r}: the day is from 1 to 31")
            if int(weekday[1]) <= last:
                found.add(_nearest_weekday(year, month, int(weekday[1])))
        else:
            found.update(day for day in _numbers(part, 1, 31) if day <= last)
    return found


def _nearest_weekday(year: int, month: int, day: int) -> int:
    """The Monday to Friday nearest to the day, without leaving the month."""
    weekday = date(year, month, day).weekday()
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < calendar.monthrange(year, month)[1] else day - 2
    return day


def days_of_week(field: str, year: int, month: int) -> set[int]:
    """The days of 1-7 or SUN-SAT, `L` (Saturday), `6L` (the last Friday), `3#2` (the second Tuesday)."""
    last = calendar.monthrange(year, month)[1]
    of_weekday: dict[int, list[int]] = {number: [] for number in WEEKDAYS.values()}
    for day in range(1, last + 1):
        of_weekday[(date(year, month, day) + timedelta(days=1)).weekday() + 1].append(day)
    found: set[int] = set()
    for part in field.split(","):
        if nth := re.fullmatch(r"(\w+)#([1-5])", part):
            [number] = _numbers(nth[1], 1, 7, WEEKDAYS)
            found.update(of_weekday[number][int(nth[2]) - 1 : int(nth[2])])
        elif part == "L":
            found.update(of_weekday[7])
        elif final := re.fullmatch(r"(\w+)L", part):
            [number] = _numbers(final[1], 1, 7, WEEKDAYS)
            found.add(of_weekday[number][-1])
        else:
            found.update(day for number in _numbers(part, 1, 7, WEEKDAYS) for day in of_weekday[number])
    return found
