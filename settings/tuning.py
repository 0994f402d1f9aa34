"""The [tuning] table of `models/<name>.toml`: with it, a search for hyperparameters takes the place of one training.

`pipeline_code/definition.py` makes the step Tune of it. Whatever has a range is searched; the rest of [xgboost] stays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from settings.errors import shown
from settings.hyperparameters import BOUNDS, Bounds
from settings.names import choices
from settings.reader import Reader

GRID, RANDOM = "Grid", "Random"
STRATEGIES = ("Bayesian", RANDOM, GRID)
"""Not Hyperband, which the embedded AWS does not run."""

MOST_JOBS, MOST_RANDOM_JOBS, MOST_PARALLEL_JOBS, MOST_VALUES = 750, 10_000, 100, 30
"""SageMaker's own limits, as far as support raises them."""

SHORTEST, LONGEST = 120, 28 * 86_400
"""Seconds: SageMaker's own least, and the longest that a run may take."""

TUNABLE = ("colsample_bytree", "eta", "max_depth", "min_child_weight", "num_round", "subsample")
"""What SageMaker lets a search change of its own XGBoost image, and train.py calls by the same name."""

INTEGER, CONTINUOUS, CATEGORICAL = "integer", "continuous", "categorical"


@dataclass(frozen=True)
class TuningRange:
    """Where one hyperparameter is searched: the two ends, or every value of a categorical one."""

    name: str
    kind: str
    values: tuple[int | float, ...]


@dataclass(frozen=True)
class TuningSettings:
    strategy: str
    max_jobs: int
    parallel_jobs: int
    early_stopping: bool
    max_runtime_seconds: int
    ranges: tuple[TuningRange, ...]


def read_tuning(reader: Reader, *, time_left: int) -> TuningSettings | None:
    """Read the table out of the model's, which `reader` has; None if there is none.

    `time_left` is how many seconds the search may take if the table does not say.
    """
    table = reader.table("tuning", optional=True)
    if not reader.holds("tuning"):
        return None
    strategy = table.text("strategy", allowed=STRATEGIES)
    ranges = _ranges(table.table("ranges"), strategy)
    tuning = TuningSettings(
        strategy=strategy,
        max_jobs=_max_jobs(table, strategy, ranges),
        parallel_jobs=table.integer("parallel_jobs", low=1, high=MOST_PARALLEL_JOBS),
        early_stopping=table.flag("early_stopping"),
        max_runtime_seconds=table.integer(
            "max_runtime_seconds", low=SHORTEST, high=LONGEST, default=max(SHORTEST, time_left)
        ),
        ranges=ranges,
    )
    known = table.holds("max_jobs") or ranges
    if known and table.good("max_jobs", "parallel_jobs") and tuning.parallel_jobs > tuning.max_jobs:
        table.problem(
            "parallel_jobs", f"is {tuning.parallel_jobs}, more than the {tuning.max_jobs} jobs there are; lower it"
        )
    table.close()
    return tuning


def _max_jobs(reader: Reader, strategy: str, ranges: tuple[TuningRange, ...]) -> int:
    """A grid has as many jobs as combinations, so there the number may be left out."""
    most = MOST_RANDOM_JOBS if strategy == RANDOM else MOST_JOBS
    if strategy != GRID:
        return reader.integer("max_jobs", low=1, high=most)
    size = math.prod(len(each.values) for each in ranges)
    jobs = reader.integer("max_jobs", low=1, high=most, default=size)
    if reader.good("max_jobs") and ranges and jobs != size:
        reader.problem("max_jobs", f"is {jobs}, but the grid has {size} combinations; leave it out")
    return jobs


def _ranges(reader: Reader, strategy: str) -> tuple[TuningRange, ...]:
    """The ranges, or none if one of them is wrong."""
    tunable = {name: BOUNDS[name] for name in TUNABLE}
    names = reader.own_keys()
    if not names:
        reader.problem("", f"names no hyperparameter to search; allowed: {choices('', tunable)}")
    ranges = []
    for name in names:
        if name not in tunable:
            reader.refuse(name, f"is no hyperparameter that can be searched; allowed: {choices(name, tunable)}")
        elif strategy not in STRATEGIES:  # noted already; whether the list is right depends on it
            reader.numbers(name)
        elif strategy == GRID:
            ranges.append(_listed(reader, name, tunable[name]))
        else:
            ranges.append(_between(reader, name, tunable[name]))
    return tuple(ranges) if reader.good(*names) else ()


def _between(reader: Reader, name: str, bounds: Bounds) -> TuningRange:
    values = reader.interval(name)
    _check(reader, name, values, bounds)
    return TuningRange(name, INTEGER if bounds.whole else CONTINUOUS, values)


def _listed(reader: Reader, name: str, bounds: Bounds) -> TuningRange:
    values = reader.numbers(name)
    if reader.good(name) and not 1 <= len(values) <= MOST_VALUES:
        reader.problem(name, f"lists {len(values)} values; allowed: from 1 to {MOST_VALUES}")
    if reader.good(name) and len({*values}) < len(values):
        reader.problem(name, f"is {shown([*values])}; list each value once")
    _check(reader, name, values, bounds)
    return TuningRange(name, CATEGORICAL, values)


def _check(reader: Reader, name: str, values: tuple[int | float, ...], bounds: Bounds) -> None:
    if not reader.good(name):
        return
    if bounds.whole and any(type(value) is not int for value in values):
        reader.problem(name, f"is {shown([*values])}; write whole numbers")
    elif not all(bounds.hold(value) for value in values):
        reader.problem(name, f"is {shown([*values])}; allowed: {bounds}")
