"""rate(), cron() and at(): the moments they fire, what is refused, and laws that hold for all of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.events.expression import Cron, ExpressionError, next_fire, parse, time_zone


def moment(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def following(expression: str, after: str, zone: str = "UTC") -> str | None:
    fired = next_fire(parse(expression), moment(after, zone), zone=time_zone(zone))
    return None if fired is None else datetime.fromtimestamp(fired, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("cron(15 10 * * ? *)", "2026-11-20 10:15", "2026-11-21 10:15"),
        ("cron(0 18 ? * MON-FRI *)", "2026-11-20 18:00", "2026-11-23 18:00"),
        ("cron(0 8 1 * ? *)", "2026-11-20 00:00", "2026-12-01 08:00"),
        ("cron(0/15 * * * ? *)", "2026-11-20 10:16", "2026-11-20 10:30"),
        ("cron(0/5 8-17 ? * MON-FRI *)", "2026-11-20 17:55", "2026-11-23 08:00"),
        ("cron(15 12 ? * 6L 2026-2027)", "2026-11-01 00:00", "2026-11-27 12:15"),
        ("cron(0 0 L * ? *)", "2027-02-01 00:00", "2027-02-28 00:00"),
        ("cron(0 9 15W * ? *)", "2026-11-01 00:00", "2026-11-16 09:00"),
        ("cron(0 9 1W * ? *)", "2026-07-31 12:00", "2026-08-03 09:00"),
        ("cron(0 9 LW * ? *)", "2027-01-30 00:00", "2027-02-26 09:00"),
        ("cron(0 9 ? * 3#2 *)", "2026-11-01 00:00", "2026-11-10 09:00"),
        ("cron(0 9 ? * TUE#5 *)", "2026-11-01 00:00", "2026-12-29 09:00"),
        ("cron(0 9 ? * L *)", "2026-11-20 00:00", "2026-11-21 09:00"),
        ("cron(0 0 29 2 ? *)", "2026-01-01 00:00", "2028-02-29 00:00"),
        ("cron(0 12 ? JAN,MAR SUN *)", "2026-11-20 00:00", "2027-01-03 12:00"),
        ("cron(0 22-2 * * ? *)", "2026-11-20 02:00", "2026-11-20 22:00"),
        ("cron(0 12 * * ? 2025)", "2026-11-20 00:00", None),
        ("cron(0 0 31 2 ? *)", "2026-11-20 00:00", None),
        ("at(2026-11-20T12:00:00)", "2026-11-20 11:59", "2026-11-20 12:00"),
        ("at(2026-11-20T12:00:00)", "2026-11-20 12:00", None),
    ],
)
def test_the_next_moment(expression: str, after: str, expected: str | None) -> None:
    assert following(expression, after) == expected


def test_the_time_zone_is_the_schedules_own() -> None:
    fired = next_fire(parse("cron(0 9 * * ? *)"), moment("2026-11-20 00:00"), zone=time_zone("Asia/Seoul"))

    assert fired == moment("2026-11-21 00:00")


def test_a_local_time_that_daylight_saving_leaves_out_is_skipped() -> None:
    assert following("cron(30 2 * * ? *)", "2026-03-08 00:00", "America/New_York") == "2026-03-09 02:30"


def test_a_local_time_that_daylight_saving_repeats_fires_once() -> None:
    zone = "America/New_York"
    first = next_fire(parse("cron(30 1 * * ? *)"), moment("2026-11-01 00:00", zone), zone=time_zone(zone))
    assert first is not None
    second = next_fire(parse("cron(30 1 * * ? *)"), first, zone=time_zone(zone))

    assert first == moment("2026-11-01 01:30", zone)
    assert second == moment("2026-11-02 01:30", zone)


def test_a_rate_counts_from_its_anchor_and_fires_there_too() -> None:
    hourly = parse("rate(1 hour)")

    assert next_fire(hourly, 999.0, anchor=1000.0) == 1000.0
    assert next_fire(hourly, 1000.0, anchor=1000.0) == 4600.0
    assert next_fire(hourly, 9000.0, anchor=1000.0) == 11800.0


def test_nothing_fires_before_the_start_or_after_the_end() -> None:
    hourly = parse("rate(1 hour)")

    assert next_fire(hourly, 0.0, anchor=0.0, start=5000.0) == 5000.0
    assert next_fire(hourly, 5000.0, anchor=0.0, start=5000.0, end=8599.0) is None
    assert next_fire(parse("cron(* * * * ? *)"), 0.0, start=600.0) == 600.0


@pytest.mark.parametrize(
    "expression",
    [
        "every hour",
        "rate(0 hours)",
        "rate(1.5 hours)",
        "rate(5 weeks)",
        "rate(-5 minutes)",
        "at(tomorrow)",
        "cron(0 9 * * *)",
        "cron(0 9 * * * *)",
        "cron(0 9 ? * ? *)",
        "cron(60 9 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 9 32 * ? *)",
        "cron(0 9 0W * ? *)",
        "cron(0 9 ? * 8 *)",
        "cron(0 9 ? * MON#6 *)",
        "cron(0 9 * 13 ? *)",
        "cron(0 9 * * ? 1969)",
        "cron(0/0 9 * * ? *)",
        "cron(x 9 * * ? *)",
    ],
)
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError, match="Invalid"):
        parse(expression)


@pytest.mark.parametrize("expression", ["rate(1 hours)", "rate(2 hour)"])
def test_rules_want_the_unit_in_the_right_number(expression: str) -> None:
    assert parse(expression)
    with pytest.raises(ExpressionError, match="singular"):
        parse(expression, strict_units=True)


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(ExpressionError, match="Asia/Seoul"):
        time_zone("Mars/Olympus")


ZONES = ("UTC", "Asia/Seoul", "America/New_York", "Australia/Lord_Howe")
minutes = st.sampled_from(["*", "0", "0/7", "5,50", "10-20", "*/30"])
hours = st.sampled_from(["*", "3", "1/6", "0,23", "22-4"])
days = st.sampled_from(
    [("*", "?"), ("L", "?"), ("15W", "?"), ("LW", "?"), ("1/10", "?"), ("?", "MON-FRI"), ("?", "6L"), ("?", "3#2")]
)
crons = st.builds(
    lambda minute, hour, day, month: f"cron({minute} {hour} {day[0]} {month} {day[1]} *)",
    minutes,
    hours,
    days,
    st.sampled_from(["*", "2", "JAN-MAR", "1/5"]),
)
moments = st.integers(int(moment("2024-01-01")), int(moment("2031-01-01")))


@given(crons, moments, st.sampled_from(ZONES))
def test_a_cron_fires_later_and_only_where_its_fields_match(expression: str, after: int, zone: str) -> None:
    cron = parse(expression)
    assert isinstance(cron, Cron)
    fired = next_fire(cron, after, zone=time_zone(zone))

    assert fired is not None
    assert fired > after
    local = datetime.fromtimestamp(fired, ZoneInfo(zone))
    assert local.minute in cron.minutes
    assert local.hour in cron.hours
    assert local.month in cron.months
    assert local.day in cron.days(local.year, local.month)
    assert local.second == 0


@given(st.builds("cron({} {} ? * {} *)".format, minutes, hours, st.sampled_from(["*", "MON-FRI", "SUN"])), moments)
def test_a_cron_misses_no_moment_of_the_next_two_days(expression: str, after: int) -> None:
    cron = parse(expression)
    assert isinstance(cron, Cron)
    fired = next_fire(cron, after)
    assert fired is not None

    minute = datetime.fromtimestamp(after - after % 60 + 60, UTC)
    for _ in range(2 * 24 * 60):
        if minute.timestamp() >= fired:
            break
        matches = (
            minute.minute in cron.minutes
            and minute.hour in cron.hours
            and minute.day in cron.days(minute.year, minute.month)
        )
        assert not matches, f"{expression} left out {minute}"
        minute += timedelta(minutes=1)


@given(st.integers(1, 500), st.sampled_from(["minutes", "hours", "days"]), moments, st.integers(0, 10**8))
def test_a_rate_fires_once_per_period(value: int, unit: str, anchor: int, later: int) -> None:
    period = parse(f"rate({value} {unit})")
    first = next_fire(period, anchor + later, anchor=anchor)
    assert first is not None
    second = next_fire(period, first, anchor=anchor)

    assert anchor + later < first <= anchor + later + period.seconds  # type: ignore[union-attr]
    assert second == first + period.seconds  # type: ignore[union-attr]
