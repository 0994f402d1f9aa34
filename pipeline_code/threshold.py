"""How a score becomes a decision: decision.json, made by train.py on the validation part, used by all that score.

Binary models decide by the threshold with the least cost, multiclass models for the class with the highest score;
a regression decides nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Costs:
    """What one mistake costs, in any unit: a missed positive, a false alarm."""

    false_negative: float
    false_positive: float

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 < value < float("inf"):
                raise ValueError(f"{name}_cost is {value:g}; it must be a number above 0")


@dataclass(frozen=True, kw_only=True)
class Decision:
    """decision.json: a row of a binary model is decided 1 if its score is at least the threshold.

    The validation figures say what the model and the threshold reach on the validation part. What a problem does
    not have is None: threshold, costs and positives are of binary models only.
    """

    problem: str = "binary"
    threshold: float | None = None
    false_negative_cost: float | None = None
    false_positive_cost: float | None = None
    validation_rows: int
    validation_positives: int | None = None
    validation_cost: float | None = None
    validation_metric: str = "auc"
    validation_value: float | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Decision:
        return cls(**json.loads(text))

    @classmethod
    def read(cls, path: Path) -> Decision:
        return cls.from_json(path.read_text(encoding="utf-8"))


def choose_threshold(labels: NDArray[Any], scores: NDArray[np.float32], costs: Costs) -> Decision:
    """The cheapest cut between two neighbouring scores; of equally cheap ones the highest, so fewer alarms."""
    order = np.argsort(-scores, kind="stable")
    sorted_scores = scores[order].astype(np.float64)
    hits = np.cumsum(labels[order], dtype=np.int64)
    alarms = np.arange(1, len(labels) + 1) - hits
    last_of_score: NDArray[np.bool_] = np.append(np.diff(sorted_scores) < 0, True)
    positives = int(labels.sum())
    cost = (positives - hits) * costs.false_negative + alarms * costs.false_positive
    best = int(np.argmin(np.where(last_of_score, cost, np.inf)))
    nobody = positives * costs.false_negative
    if nobody <= cost[best]:
        threshold, least = max((1.0 + sorted_scores[0]) / 2, np.nextafter(sorted_scores[0], 2.0)), nobody
    else:
        below = sorted_scores[best + 1] if best + 1 < len(labels) else 0.0
        threshold, least = (sorted_scores[best] + below) / 2, cost[best]
    return Decision(
        threshold=float(threshold),
        false_negative_cost=costs.false_negative,
        false_positive_cost=costs.false_positive,
        validation_rows=len(labels),
        validation_positives=positives,
        validation_cost=float(least),
    )
