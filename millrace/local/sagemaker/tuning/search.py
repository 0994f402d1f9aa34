"""The strategies of a tuning job: which point of the unit cube is tried next, given what the earlier ones reached.

Random and Grid are AWS's. Bayesian is an approximation: AWS does not publish its model; here it is a Gaussian process
with a Matern kernel and expected improvement, after a random start.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from millrace.local.sagemaker.tuning.ranges import Choice, Range, refused

Point = tuple[float, ...]
CANDIDATES = 300
LENGTH = 0.3
NOISE = 1e-4


@dataclass(frozen=True)
class Tried:
    """A point and what it reached, higher is better; None while its job runs or when it told no objective."""

    point: Point
    score: float | None = None


class Search(Protocol):
    def propose(self, tried: Sequence[Tried]) -> Point | None:
        """The next point; None when there is no other."""
        ...


class RandomSearch:
    def __init__(self, ranges: Sequence[Range], seed: int | None) -> None:
        self._size = len(ranges)
        self.random = random.Random(seed)

    def propose(self, tried: Sequence[Tried]) -> Point | None:
        return tuple(self.random.random() for _ in range(self._size))


class GridSearch:
    """Every combination of categorical values, once."""

    def __init__(self, ranges: Sequence[Range]) -> None:
        sizes = [len(each.values) for each in ranges if isinstance(each, Choice)]
        steps = [[(index + 0.5) / size for index in range(size)] for size in sizes]
        self.size = math.prod(sizes)
        self._points = itertools.product(*steps)

    def propose(self, tried: Sequence[Tried]) -> Point | None:
        return next(self._points, None)


class BayesianSearch:
    def __init__(self, ranges: Sequence[Range], seed: int | None) -> None:
        self._random = RandomSearch(ranges, seed)
        self._start = len(ranges) + 2

    def propose(self, tried: Sequence[Tried]) -> Point | None:
        known = [(each.point, each.score) for each in tried if each.score is not None]
        if len(known) < self._start:
            return self._random.propose(tried)
        # A running job counts as if it reached the mean, so that its neighbourhood is not tried at the same time.
        mean = sum(score for _, score in known) / len(known)
        known += [(each.point, mean) for each in tried if each.score is None]
        process = GaussianProcess([point for point, _ in known], [score for _, score in known])
        candidates = [self._random.propose(tried) or () for _ in range(CANDIDATES)]
        return max(candidates, key=process.expected_improvement)


class GaussianProcess:
    """Regression on scores scaled to mean 0 and deviation 1."""

    def __init__(self, points: Sequence[Point], scores: Sequence[float]) -> None:
        self._points = points
        mean = sum(scores) / len(scores)
        deviation = math.sqrt(sum((score - mean) ** 2 for score in scores) / len(scores)) or 1.0
        scaled = [(score - mean) / deviation for score in scores]
        self._best = max(scaled)
        kernel = [
            [matern(a, b) + (NOISE if row == column else 0.0) for column, b in enumerate(points)]
            for row, a in enumerate(points)
        ]
        self._lower = cholesky(kernel)
        self._weights = backward(self._lower, forward(self._lower, scaled))

    def expected_improvement(self, point: Point) -> float:
        near = [matern(point, other) for other in self._points]
        mean = sum(weight * k for weight, k in zip(self._weights, near, strict=True))
        explained = forward(self._lower, near)
        deviation = math.sqrt(max(1.0 - sum(value * value for value in explained), 1e-12))
        z = (mean - self._best) / deviation
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        return deviation * (z * (1 + math.erf(z / math.sqrt(2))) / 2 + density)


def matern(a: Point, b: Point) -> float:
    """The Matern 5/2 kernel."""
    distance = math.sqrt(5) * math.dist(a, b) / LENGTH
    return (1 + distance + distance * distance / 3) * math.exp(-distance)


def cholesky(matrix: Sequence[Sequence[float]]) -> list[list[float]]:
    lower: list[list[float]] = []
    for row, values in enumerate(matrix):
        found: list[float] = []
        for column in range(row):
            inner = sum(found[k] * lower[column][k] for k in range(column))
            found.append((values[column] - inner) / lower[column][column])
        found.append(math.sqrt(max(values[row] - sum(value * value for value in found), 1e-12)))
        lower.append(found)
    return lower


def forward(lower: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    solved: list[float] = []
    for row, values in enumerate(lower):
        solved.append((right[row] - sum(values[k] * solved[k] for k in range(row))) / values[row])
    return solved


def backward(lower: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    size = len(lower)
    solved = [0.0] * size
    for row in reversed(range(size)):
        inner = sum(lower[k][row] * solved[k] for k in range(row + 1, size))
        solved[row] = (right[row] - inner) / lower[row][row]
    return solved


def search_of(strategy: str, ranges: Sequence[Range], *, seed: int | None, jobs: int | None) -> Search:
    """The search of a strategy; `jobs` is MaxNumberOfTrainingJobs."""
    if strategy == "Grid":
        if not all(isinstance(each, Choice) for each in ranges):
            raise refused("The Grid strategy takes CategoricalParameterRanges only.")
        grid = GridSearch(ranges)
        if jobs is not None and jobs != grid.size:
            raise refused(
                f"MaxNumberOfTrainingJobs is {jobs}, but the grid has {grid.size} combinations: leave it out."
            )
        return grid
    if strategy == "Random":
        return RandomSearch(ranges, seed)
    if strategy == "Bayesian":
        return BayesianSearch(ranges, seed)
    raise refused(f"The strategy {strategy} is not available in the embedded AWS: it has Random, Grid and Bayesian.")
