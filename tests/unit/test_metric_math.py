"""Metric math: what expressions yield over series with gaps, and what is refused."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.cloudwatch.expression import FUNCTIONS, MathError, names, parse
from millrace.local.cloudwatch.metric_math import Computation, Series

M1: Series = [1.0, None, 3.0, 4.0]
M2: Series = [2.0, 2.0, 0.0, None]


def value(text: str, **series: Series) -> Series:
    given = series or {"m1": M1, "m2": M2}
    return Computation(given, sorted(given), 60, len(next(iter(given.values())))).series_of(parse(text))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("m1 + m2", [3.0, None, 3.0, None]),
        ("m1 / m2", [0.5, None, None, None]),
        ("2 * m1 - 1", [1.0, None, 5.0, 7.0]),
        ("-m1 ^ 2", [-1.0, None, -9.0, -16.0]),
        ("2 ^ 3 ^ 2", [512.0] * 4),
        ("(m1 + 1) * 2", [4.0, None, 8.0, 10.0]),
        ("m1 > 2", [0.0, None, 1.0, 1.0]),
        ("m1 > 2 AND m2 < 1", [0.0, None, 1.0, None]),
        ("m1 > 2 || m2 == 2", [1.0, None, 1.0, None]),
        ("FILL(m1, 0)", [1.0, 0.0, 3.0, 4.0]),
        ("FILL(m1, m2)", [1.0, 2.0, 3.0, 4.0]),
        ("FILL(m1, REPEAT)", [1.0, 1.0, 3.0, 4.0]),
        ("FILL(m1, LINEAR)", [1.0, 2.0, 3.0, 4.0]),
        ("SUM(m1)", [8.0] * 4),
        ("SUM([m1, m2])", [3.0, 2.0, 3.0, 4.0]),
        ("MAX(METRICS())", [2.0, 2.0, 3.0, 4.0]),
        ('AVG(METRICS("m1"))', M1),
        ("METRIC_COUNT(METRICS())", [2.0, 1.0, 2.0, 1.0]),
        ("IF(m2, m1, 9)", [1.0, None, 9.0, None]),
        ("IF(m1 > 2, m1)", [None, None, 3.0, 4.0]),
        ("RUNNING_SUM(m1)", [1.0, None, 4.0, 8.0]),
        ("DIFF(m2)", [None, 0.0, -2.0, None]),
        ("RATE(m2)", [None, 0.0, -2.0 / 60, None]),
        ("m1 / PERIOD(m1)", [1.0 / 60, None, 0.05, 4.0 / 60]),
        ("CEIL(m1 / 2)", [1.0, None, 2.0, 2.0]),
        ("ABS(0 - m2)", [2.0, 2.0, 0.0, None]),
        ("TIME_SERIES(7)", [7.0] * 4),
    ],
)
def test_expressions_are_computed_period_by_period(text: str, wanted: Series) -> None:
    assert value(text) == wanted


def test_a_metric_without_any_data_is_not_filled() -> None:
    assert value("FILL(m1, 0)", m1=[None, None]) == [None, None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("m1 +", "expected a value, found the end"),
        ("m1 m2", "unexpected 'm2'"),
        ("(m1", "expected )"),
        ("m1 ? 2", "cannot be read from '? 2' on"),
        ("ANOMALY_DETECTION_BAND(m1)", "no function ANOMALY_DETECTION_BAND"),
        ("FILL(m1)", "FILL takes 2 arguments, not 1"),
    ],
)
def test_what_cannot_be_computed_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(MathError) as caught:
        parse(text)
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["METRICS()", "m3"])
def test_an_expression_must_come_to_one_known_series(text: str) -> None:
    with pytest.raises(MathError):
        value(text)


def test_the_ways_to_fill_are_no_metrics() -> None:
    assert names(parse("FILL(m1, REPEAT) + IF(m2 > 1, [m3, 2])")) == {"m1", "m2", "m3"}


NUMBERS = st.floats(-1000, 1000).map(lambda number: round(number, 3))


@given(left=NUMBERS, middle=NUMBERS, right=NUMBERS)
def test_arithmetic_binds_as_in_any_language(left: float, middle: float, right: float) -> None:
    text = f"({left}) + ({middle}) * ({right}) - ({left})"
    [found] = value(text, m1=[0.0])
    assert found is not None
    assert math.isclose(found, left + middle * right - left, abs_tol=1e-6)


@given(text=st.text(alphabet="m12+-*/()[],. FILABS\"'<>=&|", max_size=30))
def test_no_text_breaks_the_parser(text: str) -> None:
    with contextlib.suppress(MathError):
        parse(text)


def test_every_function_is_known_by_how_many_arguments_it_takes() -> None:
    for function, counts in FUNCTIONS.items():
        arguments = ", ".join(["m1"] * counts[-1]) if function != "METRICS" else ""
        parse(f"{function}({arguments})")
