"""What the metrics of all problems share: their names, the one that the gate looks at, SageMaker's schema, and curves.

numpy only. The metrics themselves are in metrics_binary.py, metrics_multiclass.py and metrics_regression.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from bootstrap import Estimate
from numpy.typing import NDArray

CURVE_POINTS = 200


@dataclass(frozen=True)
class GateMetric:
    """The metric that decides on registration, and in which direction it is good."""

    name: str
    title: str
    higher_is_better: bool

    @property
    def bound(self) -> str:
        return "floor" if self.higher_is_better else "ceiling"

    def reaches(self, value: float, floor: float) -> bool:
        return value >= floor if self.higher_is_better else value <= floor


GATE_METRICS = {
    "binary": GateMetric("auc", "AUC", True),
    "multiclass": GateMetric("accuracy", "accuracy", True),
    "regression": GateMetric("rmse", "RMSE", False),
}


def auc_of(labels: NDArray[Any], scores: NDArray[Any]) -> float:
    """The chance that a positive scores above a negative, ties counting half; NaN without both classes."""
    positives = int(np.count_nonzero(labels))
    negatives = len(labels) - positives
    if not positives or not negatives:
        return float("nan")
    _, group, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(sizes) - (sizes - 1) / 2
    return float((ranks[group][labels != 0].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def divided(part: NDArray[np.float64], whole: NDArray[np.float64], otherwise: float) -> NDArray[np.float64]:
    """part / whole, `otherwise` where whole is 0."""
    shape = np.broadcast_shapes(np.shape(part), np.shape(whole))
    return np.divide(part, whole, out=np.full(shape, otherwise), where=np.broadcast_to(whole, shape) != 0)


def f_beta(precision: NDArray[np.float64], recall: NDArray[np.float64], beta: float) -> NDArray[np.float64]:
    return divided((1 + beta**2) * precision * recall, beta**2 * precision + recall, 0.0)


def schema_values(estimates: Mapping[str, Estimate], names: Iterable[str]) -> dict[str, Any]:
    """The metrics as SageMaker's model-quality schema writes them; one that cannot be told is left out."""
    return {
        name: {
            "value": rounded(estimates[name].value),
            "standard_deviation": rounded(estimates[name].standard_deviation) or 0.0,
        }
        for name in names
        if math.isfinite(estimates[name].value)
    }


def rounded(value: float) -> float | None:
    """Eight significant digits; JSON knows no NaN, so None stands for it."""
    return float(f"{value:.8g}") if math.isfinite(value) else None


def thin(values: NDArray[np.float64], points: int = CURVE_POINTS) -> list[float]:
    """At most so many of them, the first and the last included."""
    chosen = np.unique(np.linspace(0, len(values) - 1, min(len(values), points)).round().astype(int))
    return [float(f"{value:.6g}") for value in values[chosen]]
