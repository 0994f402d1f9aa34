"""The table [cache]: durations as SageMaker takes them."""

from __future__ import annotations

from typing import Any

import pytest

from settings.cache import read_cache
from settings.errors import Problem
from settings.reader import Reader


def cache(**values: Any) -> tuple[str, list[str]]:
    problems: list[Problem] = []
    expire_after = read_cache(Reader(values, file="models/a.toml", problems=problems))
    return expire_after, [problem.message for problem in problems]


def test_steps_are_reused_for_thirty_days_unless_the_settings_say_otherwise() -> None:
    assert cache() == ("P30D", [])


@pytest.mark.parametrize("duration", ["", "P30D", "PT12H", "PT30M", "P1Y2M3W4DT5H6M", "P2W", "P0DT1H"])
def test_a_duration_goes_from_years_to_minutes_and_an_empty_one_switches_caching_off(duration: str) -> None:
    assert cache(expire_after=duration) == (duration, [])


@pytest.mark.parametrize(
    "duration", ["30d", "P", "PT", "P1DT", "PT30S", "P1.5D", "P-1D", "p30d", "P30D ", "P1H", "P1D2M"]
)
def test_what_is_no_such_duration_is_told(duration: str) -> None:
    (told,) = cache(expire_after=duration)[1]
    assert 'write an ISO 8601 duration in years to minutes such as "P30D"' in told


def test_a_duration_of_nothing_is_told() -> None:
    (told,) = cache(expire_after="PT0M")[1]
    assert 'write "" to switch caching off' in told
