"""Datapoints: statistics of values and statistic sets, and how long they are kept."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.clock import Clock
from millrace.local.cloudwatch.datapoints import MOST_VALUES, Datapoint, combined
from millrace.local.cloudwatch.metrics import KEPT_SECONDS, Metric, Metrics

METRIC = Metric("111111111111", "ap-northeast-2", "Tests", "rows")
FLOATS = st.floats(-1e6, 1e6)


@given(values=st.lists(FLOATS, min_size=1), cut=st.integers(0, 50))
def test_statistics_do_not_depend_on_how_values_are_grouped(values: list[float], cut: int) -> None:
    parts = [Datapoint(), Datapoint()]
    for place, value in enumerate(values):
        parts[place < cut].add(value)
    found = combined(part for part in parts if part.count)
    assert found is not None
    assert found.statistic("SampleCount") == len(values)
    assert found.statistic("Minimum") == min(values)
    assert found.statistic("Maximum") == max(values)
    assert found.statistic("p100") == max(values)
    total = found.statistic("Sum")
    assert total is not None
    assert math.isclose(total, sum(values), rel_tol=1e-6, abs_tol=1e-3)


def test_percentiles_count_how_often_a_value_came() -> None:
    point = Datapoint()
    point.add(1.0, 90)
    point.add(100.0, 10)
    assert [point.statistic(name) for name in ("p50", "p90", "p90.1", "p99")] == [1.0, 1.0, 100.0, 100.0]


def test_a_statistic_set_has_no_percentiles_unless_all_values_are_the_same() -> None:
    mixed, same = Datapoint(), Datapoint()
    mixed.add_set(count=2, total=4, low=1, high=3)
    same.add_set(count=2, total=4, low=2, high=2)
    assert mixed.statistic("p50") is None
    assert (mixed.statistic("Average"), same.statistic("p50")) == (2.0, 2.0)


def test_very_many_values_are_kept_to_three_digits() -> None:
    point = Datapoint()
    for number in range(MOST_VALUES * 3):
        point.add(1000 + number / 10)
    assert point.values is not None
    assert len(point.values) <= MOST_VALUES
    median = point.statistic("p50")
    assert median is not None
    assert median == pytest.approx(1300, rel=0.01)


def test_data_are_kept_for_fifteen_days() -> None:
    clock = Clock()
    metrics = Metrics(clock)
    metrics.record(METRIC, 1.0)
    begin = clock.now() - 60
    clock.advance(KEPT_SECONDS + 60)
    assert metrics.over(METRIC, begin, clock.now()) is not None
    metrics.record(METRIC, 2.0)
    kept = metrics.over(METRIC, begin, clock.now() + 1)
    assert kept is not None
    assert kept.count == 1


def test_saved_metrics_come_back() -> None:
    clock = Clock()
    metrics, again = Metrics(clock), Metrics(clock)
    metrics.record(METRIC, 3.0, unit="Count")
    again.load(metrics.dump())
    found = again.over(METRIC, clock.now() - 120, clock.now() + 1, unit="Count", percentiles=True)
    assert found is not None
    assert (found.total, found.statistic("p50")) == (3.0, 3.0)
    assert again.over(METRIC, 0, clock.now() + 1, unit="Bytes") is None
