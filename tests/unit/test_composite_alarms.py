"""Rules of composite alarms."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.cloudwatch.composite import RuleError, parse

STATES = {"a": "ALARM", "b": "OK", "with space": "INSUFFICIENT_DATA"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('ALARM("a")', True),
        ("ALARM(a)", True),
        ("OK(a)", False),
        ('ALARM("a") AND OK("b")', True),
        ("ALARM(b) OR INSUFFICIENT_DATA('with space')", True),
        ("NOT ALARM(a) OR OK(b)", True),
        ("NOT (ALARM(a) OR OK(b))", False),
        ("ALARM(a) OR ALARM(b) AND ALARM(b)", True),
        ("ALARM(arn:aws:cloudwatch:ap-northeast-2:111111111111:alarm:a)", True),
        ("ALARM(unknown)", False),
        ("TRUE AND NOT FALSE", True),
    ],
)
def test_rules_are_decided_by_the_states_of_their_alarms(text: str, holds: bool) -> None:
    assert parse(text).holds(lambda name: STATES.get(name, "")) is holds


@pytest.mark.parametrize("text", ["", "ALARM(a", "ALARM()", "SOMETIMES(a)", "ALARM(a) OK(b)", "AND", 'ALARM("a)'])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(RuleError):
        parse(text)


def test_a_rule_tells_which_alarms_it_looks_at() -> None:
    assert parse('ALARM("a") AND NOT (OK(b) OR TRUE)').alarms() == {"a", "b"}


@given(text=st.text(alphabet="ALRMOKNDT()\"' ab", max_size=30))
def test_no_text_breaks_the_parser(text: str) -> None:
    with contextlib.suppress(RuleError):
        parse(text)
