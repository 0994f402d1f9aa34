"""The metric by which a model stops, computed from scores; called by train.py for the training rows.

XGBoost computes it for the validation rows each round; for the training rows that would take a fifth of the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from metrics import auc_of
from numpy.typing import NDArray

LEAST_PROBABILITY = 1e-16


def measure(metric: str, labels: NDArray[Any], scores: NDArray[np.float32]) -> float:
    """XGBoost's metric of that name."""
    if metric == "auc":
        return auc_of(labels, scores)
    if metric == "mlogloss":
        chosen = scores[np.arange(len(labels)), labels.astype(np.int64)].astype(np.float64)
        return float(-np.mean(np.log(np.maximum(chosen, LEAST_PROBABILITY))))
    return float(np.sqrt(np.mean((labels - scores.astype(np.float64)) ** 2)))
