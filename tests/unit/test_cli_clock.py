"""Durations as one types them for `millrace clock`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.cli.clock import UNITS, seconds_of
from millrace.errors import MillraceError


@pytest.mark.parametrize(("text", "seconds"), [("1h", 3600), ("90s", 90), ("1d12h30m", 131400), ("+1.5h", 5400)])
def test_a_duration_is_the_sum_of_its_parts(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@given(st.lists(st.tuples(st.integers(0, 999), st.sampled_from(sorted(UNITS))), min_size=1, max_size=4))
def test_any_sequence_of_parts_is_read(parts: list[tuple[int, str]]) -> None:
    text = "".join(f"{number}{unit}" for number, unit in parts)

    assert seconds_of(text) == sum(number * UNITS[unit] for number, unit in parts)


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1 year", "1h!", "one hour"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(MillraceError, match="1h, 30m"):
        seconds_of(text)
