"""Schedule expressions: the grammar of EventBridge Scheduler."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings.schedule import wrong_schedule


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 hour)",
        "rate(5 minutes)",
        "rate(30 days)",
        "cron(0 6 ? * MON-FRI *)",
        "cron(0/15 8-17 * * ? *)",
        "cron(0 0 1,15 JAN-JUN ? 2026-2030)",
        "cron(15 10 L * ? *)",
        "cron(15 10 15W * ? *)",
        "cron(0 9 ? * 6L *)",
        "cron(0 9 ? * MON#1 *)",
    ],
)
def test_a_good_expression_passes(expression: str) -> None:
    assert wrong_schedule(expression) is None


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("hourly", "write rate("),
        ("at(2030-01-01T00:00:00)", "write rate("),
        ("rate(1 hours)", "write rate(1 hour)"),
        ("rate(2 hour)", "write rate(2 hours)"),
        ("rate(0 hours)", "1 or more"),
        ("cron(0 6 * * ?)", "six fields"),
        ("cron(60 6 ? * MON *)", "minutes '60'"),
        ("cron(0 6 ? 13 MON *)", "month '13'"),
        ("cron(0 6 ? * FUN *)", "day of week 'FUN'"),
        ("cron(0 6 * * * *)", "exactly one"),
        ("cron(0 6 ? * ? *)", "exactly one"),
        ("cron(? 6 ? * MON *)", "minutes '?'"),
        ("cron(0/0 6 ? * MON *)", "minutes '0/0'"),
        ("cron(1-2-3 6 ? * MON *)", "minutes '1-2-3'"),
    ],
)
def test_a_bad_expression_says_what_is_wrong(expression: str, wrong: str) -> None:
    assert wrong in (wrong_schedule(expression) or "")


@given(number=st.integers(1, 10**6), unit=st.sampled_from(["minute", "hour", "day"]))
def test_every_rate_has_one_right_spelling(number: int, unit: str) -> None:
    spellings = [f"rate({number} {unit})", f"rate({number} {unit}s)"]
    assert [wrong_schedule(text) is None for text in spellings] == [number == 1, number != 1]


@given(st.text(alphabet="rateconh( 0123456789*?,-/#LWMONJAS)", max_size=40))
def test_any_text_gets_an_answer(text: str) -> None:
    answer = wrong_schedule(text)
    assert answer is None or answer
