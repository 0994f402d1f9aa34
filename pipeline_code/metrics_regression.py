"""The metrics of a regression model, for the test rows and for any resample of them; made by scores.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from bootstrap import Estimate, counted
from metrics import divided, schema_values
from numpy.typing import NDArray

TITLES = {
    "rmse": "RMSE: typical error, large ones weigh more",
    "mae": "mean absolute error",
    "median_absolute_error": "median absolute error: half of the rows are nearer",
    "r2": "R²: share of the variation that is explained (1 is perfect, 0 is always saying the mean)",
    "bias": "bias: mean of predicted minus actual",
}
SIZES_OF_RESAMPLES = 10_000
"""More sizes of errors change no interval, but take long."""


@dataclass(frozen=True)
class RegressionScores:
    """The actual value and the model's answer for each row."""

    actual: NDArray[np.float64]
    predicted: NDArray[np.float64]
    most_sizes: int = 0  # if any, errors of neighbouring sizes are taken together until so many are left

    @property
    def rows(self) -> int:
        return len(self.actual)

    @property
    def cells(self) -> int:
        return self.rows

    @property
    def support(self) -> dict[str, int]:
        return {"rows": self.rows}

    def for_resamples(self) -> RegressionScores:
        return replace(self, most_sizes=SIZES_OF_RESAMPLES)

    @cached_property
    def errors(self) -> NDArray[np.float64]:
        return self.predicted - self.actual

    def take(self, rows: NDArray[np.int64]) -> RegressionScores:
        return RegressionScores(self.actual[rows], self.predicted[rows])

    def values(self, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        if not self.rows:
            return dict.fromkeys((*TITLES, "mse"), np.full(len(weights), np.nan))
        mse, mae, bias, square, mean = (weights @ self._terms / weights.sum(axis=1)[:, None]).T
        variance = np.maximum(square - mean**2, 0)
        return {
            "rmse": np.sqrt(mse),
            "mae": mae,
            "median_absolute_error": self._medians(weights),
            "r2": 1 - divided(mse, variance, np.nan),
            "bias": bias,
            "mse": mse,
        }

    def quality(self, estimates: Mapping[str, Estimate]) -> dict[str, Any]:
        """evaluation.json's part about this problem."""
        return {"regression_metrics": schema_values(estimates, ("mae", "mse", "rmse", "r2"))}

    def _medians(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mean of the two rows in the middle, or the one row twice, as often as each was drawn."""
        size, places = self._distinct_errors
        seen = np.cumsum(counted(places, weights, len(size)), axis=1)
        rows = seen[:, -1]
        lower = (seen >= np.floor((rows + 1) / 2)[:, None]).argmax(axis=1)
        upper = (seen >= np.ceil((rows + 1) / 2)[:, None]).argmax(axis=1)
        return (size[lower] + size[upper]) / 2

    @cached_property
    def _distinct_errors(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The sizes of the errors that there are, smallest first, and for each row which is its own."""
        sizes, places = np.unique(np.abs(self.errors), return_inverse=True)
        if not self.most_sizes or len(sizes) <= self.most_sizes:
            return sizes, places
        groups: NDArray[np.int64] = np.arange(len(sizes)) * self.most_sizes // len(sizes)
        middle = (np.arange(self.most_sizes) + 0.5) * len(sizes) / self.most_sizes
        return sizes[middle.astype(np.int64)], groups[places]

    @cached_property
    def _terms(self) -> NDArray[np.float64]:
        """What is averaged over the rows. The label is taken around its mean: its squares would lose digits else."""
        shifted = self.actual - self.actual.mean()
        return np.column_stack([self.errors**2, np.abs(self.errors), self.errors, shifted**2, shifted])
