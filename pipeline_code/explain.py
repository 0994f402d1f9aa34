"""Why a row got its score: how much each raw column moved it, on request (`Accept: application/json; explain=true`).

XGBoost's own contributions (SHAP), those of the encoded columns of a category added up. The bias is what the model says
of a row that it knows nothing about; bias and contributions add up to the margin: log-odds of a binary model, one
number for each class of several, the prediction of a regression.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xgboost
from features import FeatureTransform
from numpy.typing import NDArray

MOST_ROWS = 1000
DIGITS = 9
"""As many as tell two 32-bit floats apart."""


def explanations(
    booster: xgboost.Booster, matrix: NDArray[np.float32], transform: FeatureTransform
) -> list[dict[str, Any]]:
    """{"bias": -3.1, "contributions": {column: 0.2}} for each row; of several classes one such object per class."""
    rows = xgboost.DMatrix(matrix, missing=np.nan, nthread=1)
    every = booster.predict(rows, pred_contribs=True).astype(np.float64)
    by_column = every[..., :-1] @ _owners(transform)
    names = transform.names
    if every.ndim == 2:
        return [_one(names, row, bias) for row, bias in zip(by_column.tolist(), every[:, -1].tolist(), strict=True)]
    return [
        {name: _one(names, row, bias) for name, row, bias in zip(transform.classes, by_class, biases, strict=True)}
        for by_class, biases in zip(by_column.tolist(), every[..., -1].tolist(), strict=True)
    ]


def _owners(transform: FeatureTransform) -> NDArray[np.float64]:
    """1 where an encoded column (down) is made of a raw one (across)."""
    widths = [column.width for column in transform.columns]
    return np.repeat(np.eye(len(widths)), widths, axis=0)


def _one(names: tuple[str, ...], row: list[float], bias: float) -> dict[str, Any]:
    return {"bias": _short(bias), "contributions": dict(zip(names, map(_short, row), strict=True))}


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
