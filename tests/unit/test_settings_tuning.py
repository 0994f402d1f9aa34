"""The table [tuning]: what a search is, and which searches SageMaker would refuse or never finish."""

from __future__ import annotations

from typing import Any

import pytest

from settings.errors import Problem
from settings.reader import Reader
from settings.tuning import TuningRange, TuningSettings, read_tuning

SEARCH: dict[str, Any] = {
    "strategy": "Bayesian",
    "max_jobs": 12,
    "parallel_jobs": 2,
    "early_stopping": True,
    "ranges": {"max_depth": [1, 4], "eta": [0.01, 0.3], "subsample": [0.5, 1]},
}
GRID: dict[str, Any] = {
    "strategy": "Grid",
    "parallel_jobs": 2,
    "early_stopping": False,
    "ranges": {"max_depth": [2, 3, 6], "eta": [0.1, 0.3]},
}


def read(values: dict[str, Any], **changes: Any) -> tuple[TuningSettings | None, list[str]]:
    problems: list[Problem] = []
    reader = Reader({"tuning": {**values, **changes}}, file="models/a.toml", problems=problems)
    return read_tuning(reader, time_left=7200), [f"{problem.key}: {problem.message}" for problem in problems]


def test_without_the_table_nothing_is_searched() -> None:
    problems: list[Problem] = []
    assert read_tuning(Reader({}, file="models/a.toml", problems=problems), time_left=7200) is None
    assert problems == []


def test_a_search_goes_over_ranges_of_whole_and_other_numbers() -> None:
    assert read(SEARCH) == (
        TuningSettings(
            strategy="Bayesian",
            max_jobs=12,
            parallel_jobs=2,
            early_stopping=True,
            max_runtime_seconds=7200,
            ranges=(
                TuningRange("max_depth", "integer", (1, 4)),
                TuningRange("eta", "continuous", (0.01, 0.3)),
                TuningRange("subsample", "continuous", (0.5, 1)),
            ),
        ),
        [],
    )


def test_a_grid_tries_every_combination_so_it_knows_its_number_of_jobs() -> None:
    tuning, problems = read(GRID)
    assert problems == []
    assert tuning is not None
    assert tuning.max_jobs == 6
    assert tuning.ranges[0] == TuningRange("max_depth", "categorical", (2, 3, 6))
    assert read(GRID, max_jobs=6) == (tuning, [])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategy": "Hyperband"}, 'tuning.strategy: is "Hyperband"; allowed: Bayesian, Grid, Random'),
        ({"parallel_jobs": 13}, "tuning.parallel_jobs: is 13, more than the 12 jobs there are; lower it"),
        ({"parallel_jobs": 101}, "tuning.parallel_jobs: is 101; allowed: from 1 to 100"),
        ({"max_jobs": 751}, "tuning.max_jobs: is 751; allowed: from 1 to 750"),
        ({"early_stopping": "Auto"}, 'tuning.early_stopping: is "Auto"; write true or false'),
        ({"ranges": {}}, "tuning.ranges: names no hyperparameter to search; allowed: colsample_bytree, eta, max"),
        ({"ranges": {"gamma": [0, 1]}}, "tuning.ranges.gamma: is no hyperparameter that can be searched; allowed: "),
        ({"ranges": {"max_depth": [1, 17]}}, "tuning.ranges.max_depth: is [1, 17]; allowed: from 1 to 16"),
        ({"ranges": {"max_depth": [1, 4.5]}}, "tuning.ranges.max_depth: is [1, 4.5]; write whole numbers"),
        ({"ranges": {"eta": [0, 0.3]}}, "tuning.ranges.eta: is [0, 0.3]; allowed: more than 0 to 1"),
        ({"ranges": {"eta": [0.3, 0.1]}}, "tuning.ranges.eta: is [0.3, 0.1]; write [low, high]"),
        ({"ranges": {"eta": [0.1, 0.2, 0.3]}}, "tuning.ranges.eta: is [0.1, 0.2, 0.3]; write [low, high]"),
        ({"ranges": {"eta": "0.1-0.3"}}, 'tuning.ranges.eta: is "0.1-0.3"; write a list'),
        ({"jobs": 3}, "tuning.jobs: is not a setting; known here: "),
    ],
)
def test_a_search_that_cannot_be_is_told(changes: dict[str, Any], message: str) -> None:
    (told,) = read(SEARCH, **changes)[1]
    assert told.startswith(message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_jobs": 5}, "tuning.max_jobs: is 5, but the grid has 6 combinations; leave it out"),
        ({"parallel_jobs": 7}, "tuning.parallel_jobs: is 7, more than the 6 jobs there are"),
        ({"ranges": {"eta": []}}, "tuning.ranges.eta: lists 0 values; allowed: from 1 to 30"),
        ({"ranges": {"num_round": [*range(1, 32)]}}, "tuning.ranges.num_round: lists 31 values"),
        ({"ranges": {"max_depth": [2, 2]}}, "tuning.ranges.max_depth: is [2, 2]; list each value once"),
        ({"ranges": {"max_depth": [0, 2]}}, "tuning.ranges.max_depth: is [0, 2]; allowed: from 1 to 16"),
        (
            {"ranges": {"num_round": [*range(1, 31)], "max_depth": [*range(1, 17)], "eta": [0.1, 0.2]}},
            "tuning.max_jobs: is 960; allowed: from 1 to 750",
        ),
    ],
)
def test_a_grid_that_cannot_be_is_told(changes: dict[str, Any], message: str) -> None:
    (told,) = read(GRID, **changes)[1]
    assert told.startswith(message)


def test_a_random_search_may_be_longer() -> None:
    assert read(SEARCH, strategy="Random", max_jobs=10_000)[1] == []


@pytest.mark.parametrize("name", ["scale_pos_weight", "reg_lambda", "early_stopping_rounds"])
def test_what_sagemaker_does_not_search_for_its_own_image_is_refused(name: str) -> None:
    (told,) = read(SEARCH, ranges={name: [1, 30]})[1]
    assert told.startswith(f"tuning.ranges.{name}: is no hyperparameter that can be searched; allowed: colsample_")


def test_a_search_ends_when_its_own_time_is_over_else_when_that_of_the_run_is() -> None:
    for values, limit in ((SEARCH, 7200), (SEARCH | {"max_runtime_seconds": 600}, 600)):
        tuning, problems = read(values)
        assert tuning is not None
        assert (tuning.max_runtime_seconds, problems) == (limit, [])
    _, problems = read(SEARCH, max_runtime_seconds=60)
    assert problems == ["tuning.max_runtime_seconds: is 60; allowed: from 120 to 2419200"]
