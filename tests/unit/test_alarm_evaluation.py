"""Alarm states from datapoints: the examples of the CloudWatch User Guide, and what holds for all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.cloudwatch.evaluation import ALARM, INSUFFICIENT, OK, TREATMENTS, Rule, judge

KEEP = None
BAD, GOOD = 5.0, 0.0


def rule(*, needed: int, missing: str, periods: int = 3) -> Rule:
    return Rule("GreaterThanThreshold", 1.0, periods, needed, missing)


def points(text: str) -> list[float | None]:
    """`0 - X`: good, missing, bad, the oldest first; the verdict takes the newest first."""
    return [{"0": GOOD, "X": BAD, "-": None}[each] for each in reversed(text.split())]


# missing, ignore, breaching, notBreaching: "Configuring how CloudWatch alarms treat missing data", both tables.
GUIDE = [
    (3, "0 - X - X", (OK, OK, OK, OK)),
    (3, "0 - - - -", (OK, OK, OK, OK)),
    (3, "- - - - -", (INSUFFICIENT, KEEP, ALARM, OK)),
    (3, "0 X X - X", (ALARM, ALARM, ALARM, ALARM)),
    (3, "- - X - -", (ALARM, KEEP, ALARM, OK)),
    (2, "0 - X - X", (ALARM, ALARM, ALARM, ALARM)),
    (2, "0 0 X 0 X", (ALARM, ALARM, ALARM, ALARM)),
    (2, "0 - X - -", (OK, OK, ALARM, OK)),
    (2, "- - - - 0", (OK, OK, ALARM, OK)),
    (2, "- - - X -", (ALARM, KEEP, ALARM, OK)),
]


@pytest.mark.parametrize(("needed", "text", "states"), GUIDE)
def test_the_guides_examples_come_out_as_the_guide_says(needed: int, text: str, states: tuple[str | None, ...]) -> None:
    found = [judge(rule(needed=needed, missing=missing), points(text)).state for missing in TREATMENTS]
    assert tuple(found) == states


@pytest.mark.parametrize("text", ["- - - - X", "- - - X -"])
def test_one_young_breach_between_gaps_is_no_alarm_yet(text: str) -> None:
    assert judge(rule(needed=3, missing="missing"), points(text)).state is KEEP


@pytest.mark.parametrize(
    ("comparison", "value", "breaches"),
    [
        ("GreaterThanThreshold", 1.0, False),
        ("GreaterThanOrEqualToThreshold", 1.0, True),
        ("LessThanThreshold", 1.0, False),
        ("LessThanOrEqualToThreshold", 1.0, True),
        ("LessThanThreshold", 0.9, True),
    ],
)
def test_the_threshold_itself_breaches_only_where_the_comparison_says_so(
    comparison: str, value: float, breaches: bool
) -> None:
    assert Rule(comparison, 1.0, 1, 1).breaches(value) is breaches


SERIES = st.lists(st.sampled_from([GOOD, BAD, None]), min_size=5, max_size=5)


@given(values=SERIES, needed=st.integers(1, 3), missing=st.sampled_from(TREATMENTS))
def test_only_breaching_data_or_what_is_treated_as_such_can_alarm(
    values: list[float | None], needed: int, missing: str
) -> None:
    state = judge(rule(needed=needed, missing=missing), values).state
    if BAD not in values and missing != "breaching":
        assert state != ALARM
    if state == INSUFFICIENT:
        assert missing == "missing"
        assert not any(value is not None for value in values)


@given(values=SERIES, needed=st.integers(1, 3), missing=st.sampled_from(TREATMENTS))
def test_a_worse_datapoint_never_ends_an_alarm(values: list[float | None], needed: int, missing: str) -> None:
    if judge(rule(needed=needed, missing=missing), values).state == ALARM:
        worse = [BAD if value is not None else None for value in values]
        assert judge(rule(needed=needed, missing=missing), worse).state == ALARM


@given(values=st.lists(st.sampled_from([GOOD, BAD]), min_size=5, max_size=5), needed=st.integers(1, 3))
def test_without_gaps_the_treatment_of_gaps_does_not_matter(values: list[float], needed: int) -> None:
    states = {judge(rule(needed=needed, missing=missing), values).state for missing in TREATMENTS}
    assert states == {ALARM if sum(value == BAD for value in values[:3]) >= needed else OK}
