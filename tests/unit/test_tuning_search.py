"""The ranges and strategies of tuning jobs, and the rule by which a training job is stopped early."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.sagemaker.tuning.early_stopping import is_hopeless
from millrace.local.sagemaker.tuning.ranges import Choice, Range, hyperparameters, parse_ranges
from millrace.local.sagemaker.tuning.search import (
    BayesianSearch,
    GaussianProcess,
    RandomSearch,
    Tried,
    search_of,
)
from millrace.local.service import ServiceError

units = st.floats(0, 1, exclude_max=True)


def one(kind: str, low: str, high: str, scaling: str = "Linear") -> Range:
    entry = {"Name": "x", "MinValue": low, "MaxValue": high, "ScalingType": scaling}
    return parse_ranges({f"{kind}ParameterRanges": [entry]})[0]


@given(units, st.integers(-50, 50), st.integers(0, 100))
def test_integers_stay_within_their_range_and_are_written_as_integers(unit: float, low: int, size: int) -> None:
    assert low <= int(one("Integer", str(low), str(low + size)).value(unit)) <= low + size


@given(units, st.floats(1e-6, 1), st.floats(1, 1e6), st.sampled_from(["Linear", "Logarithmic", "Auto"]))
def test_numbers_stay_within_their_range(unit: float, low: float, factor: float, scaling: str) -> None:
    high = low * factor
    assert low <= float(one("Continuous", repr(low), repr(high), scaling).value(unit)) <= high


def test_scaling_says_where_the_middle_is() -> None:
    assert float(one("Continuous", "1", "10000").value(0.5)) == pytest.approx(5000.5)
    assert float(one("Continuous", "1", "10000", "Logarithmic").value(0.5)) == pytest.approx(100)
    assert float(one("Continuous", "0", "0.99", "ReverseLogarithmic").value(0.5)) == pytest.approx(0.9)
    assert float(one("Continuous", "1", "10000", "Auto").value(0.5)) == pytest.approx(100)


@given(units)
def test_choices_are_taken_as_they_are_written(unit: float) -> None:
    assert Choice("k", ('"a"', "b")).value(unit) in ('"a"', "b")


def test_a_hyperparameter_cannot_have_two_ranges() -> None:
    entry = {"Name": "x", "MinValue": "0", "MaxValue": "1"}
    with pytest.raises(ServiceError, match="several ranges"):
        parse_ranges({"IntegerParameterRanges": [entry], "ContinuousParameterRanges": [entry]})


def test_a_random_search_repeats_itself_with_its_seed() -> None:
    ranges = [one("Continuous", "0", "1"), one("Integer", "1", "9")]
    first, again, other = (RandomSearch(ranges, seed) for seed in (1, 1, 2))
    points = [[search.propose([]) for _ in range(5)] for search in (first, again, other)]
    assert points[0] == points[1] != points[2]


def test_a_grid_ends_after_its_last_combination() -> None:
    ranges = [Choice("a", ("1", "2")), Choice("b", ("x", "y", "z"))]
    grid = search_of("Grid", ranges, seed=None, jobs=6)
    tried = []
    while (point := grid.propose([])) is not None:
        tried.append(tuple(hyperparameters(ranges, point).values()))
    assert sorted(tried) == [(a, b) for a in "12" for b in "xyz"]


def test_a_bayesian_search_beats_a_random_one_on_a_smooth_objective() -> None:
    def score(point: tuple[float, ...]) -> float:
        return -sum((value - 0.7) ** 2 for value in point)

    ranges = [one("Continuous", "0", "1")] * 2
    best = {}
    for name, make in (("bayesian", BayesianSearch), ("random", RandomSearch)):
        reached = []
        for seed in range(5):
            search, tried = make(ranges, seed), list[Tried]()
            for _ in range(16):
                point = search.propose(tried)
                assert point is not None
                tried.append(Tried(point, score(point)))
            reached.append(max(each.score or -math.inf for each in tried))
        best[name] = sum(reached) / len(reached)
    assert best["bayesian"] > best["random"]


def test_a_bayesian_search_does_not_try_the_place_of_a_running_job() -> None:
    ranges = [one("Continuous", "0", "1")]
    known = [Tried((unit,), unit) for unit in (0.0, 0.3, 0.6)]
    first = BayesianSearch(ranges, 1).propose(known)
    assert first is not None
    second = BayesianSearch(ranges, 1).propose([*known, Tried(first)])
    assert second is not None
    assert abs(second[0] - first[0]) > 0.05


@given(st.lists(st.tuples(units, units), min_size=2, max_size=8, unique=True))
def test_nothing_is_to_be_gained_where_the_best_value_is_known(points: list[tuple[float, float]]) -> None:
    scores = [sum(point) for point in points]
    process = GaussianProcess(points, scores)
    assert process.expected_improvement(points[scores.index(max(scores))]) < 0.2


def test_a_job_is_hopeless_below_the_median_of_running_averages_at_its_epoch() -> None:
    earlier = [[0.5, 0.7], [0.4, 0.6], [0.3, 0.5]]  # running averages at epoch 2: 0.6, 0.5, 0.4
    assert is_hopeless([0.9, 0.49], earlier, maximize=True)
    assert not is_hopeless([0.1, 0.51], earlier, maximize=True)
    assert is_hopeless([0.1, 0.51], earlier, maximize=False)
    assert not is_hopeless([0.9, 0.49], earlier, maximize=False)


@given(st.lists(st.lists(units, max_size=3), max_size=2), st.lists(units, max_size=3))
def test_nothing_is_hopeless_before_three_jobs_are_done(earlier: list[list[float]], curve: list[float]) -> None:
    assert not is_hopeless(curve, earlier, maximize=True)


def test_jobs_that_told_fewer_values_are_no_comparison() -> None:
    assert not is_hopeless([0.1, 0.1], [[0.9], [0.9], [0.9]], maximize=True)
