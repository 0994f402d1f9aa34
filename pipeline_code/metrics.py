"""Binary classification metrics in SageMaker's model-quality schema; called by evaluate.py.

Standard deviations come from a seeded bootstrap over the rows. numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 200
CURVE_POINTS = 200


@dataclass(frozen=True)
class Confusion:
    true_negative: int
    false_positive: int
    false_negative: int
    true_positive: int

    @property
    def flagged(self) -> int:
        return self.true_positive + self.false_positive

    def cost(self, false_negative: float, false_positive: float) -> float:
        return self.false_negative * false_negative + self.false_positive * false_positive


@dataclass(frozen=True)
class Scored:
    """Rows grouped by score, highest first: all that the metrics need."""

    scores: NDArray[np.float64]  # one per group
    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]
    threshold: float

    @classmethod
    def of(cls, labels: NDArray[np.int8], scores: NDArray[np.float32], threshold: float) -> Scored:
        if not 0 < int(labels.sum()) < len(labels):
            raise ValueError(f"{int(labels.sum())} of {len(labels)} rows are positive; rows of both classes are needed")
        ascending, group = np.unique(scores.astype(np.float64), return_inverse=True)
        count = len(ascending)
        positives = np.bincount(group[labels == 1], minlength=count)[::-1]
        negatives = np.bincount(group[labels == 0], minlength=count)[::-1]
        return cls(ascending[::-1], positives, negatives, threshold)

    @property
    def rows(self) -> int:
        return int(self.positives.sum() + self.negatives.sum())

    @property
    def flagged_groups(self) -> int:
        return int(np.count_nonzero(self.scores >= self.threshold))

    def confusion(self) -> Confusion:
        cut = self.flagged_groups
        return Confusion(
            true_negative=int(self.negatives[cut:].sum()),
            false_positive=int(self.negatives[:cut].sum()),
            false_negative=int(self.positives[cut:].sum()),
            true_positive=int(self.positives[:cut].sum()),
        )

    def resample(self, generator: np.random.Generator) -> Scored:
        cells = np.concatenate([self.positives, self.negatives])
        owner: NDArray[np.int64] = np.repeat(np.arange(len(cells)), cells)
        drawn = np.bincount(owner[generator.integers(0, len(owner), len(owner))], minlength=len(cells))
        half = len(self.positives)
        return Scored(self.scores, drawn[:half], drawn[half:], self.threshold)


def binary_classification_metrics(scored: Scored, *, seed: int = 0) -> dict[str, Any]:
    """The value of binary_classification_metrics; every number is finite."""
    values, deviations = _values(scored), _deviations(scored, seed)
    confusion = scored.confusion()
    false_positive_rates, true_positive_rates = roc_curve(scored)
    precisions, recalls = precision_recall_curve(scored)
    return {
        "confusion_matrix": {
            "0": {"0": confusion.true_negative, "1": confusion.false_positive},
            "1": {"0": confusion.false_negative, "1": confusion.true_positive},
        },
        **{name: {"value": values[name], "standard_deviation": deviations[name]} for name in values},
        "receiver_operating_characteristic_curve": {
            "false_positive_rates": false_positive_rates,
            "true_positive_rates": true_positive_rates,
        },
        "precision_recall_curve": {"precisions": precisions, "recalls": recalls},
    }


def auc(positives: NDArray[np.int64], negatives: NDArray[np.int64]) -> float:
    """The chance that a positive scores above a negative, ties counting half."""
    below = negatives.sum() - np.cumsum(negatives)
    wins = np.dot(positives, below + negatives / 2)
    return float(wins / (positives.sum() * negatives.sum()))


def auc_of(labels: NDArray[np.int8], scores: NDArray[np.float32]) -> float:
    scored = Scored.of(labels, scores, threshold=0.5)
    return auc(scored.positives, scored.negatives)


def roc_curve(scored: Scored) -> tuple[list[float], list[float]]:
    false_positives = np.append(0, np.cumsum(scored.negatives)) / scored.negatives.sum()
    true_positives = np.append(0, np.cumsum(scored.positives)) / scored.positives.sum()
    return _thin(false_positives), _thin(true_positives)


def precision_recall_curve(scored: Scored) -> tuple[list[float], list[float]]:
    hits: NDArray[np.int64] = np.cumsum(scored.positives)
    alarms: NDArray[np.int64] = np.cumsum(scored.negatives)
    return _thin(hits / (hits + alarms)), _thin(hits / hits[-1])


def cost_curve(scored: Scored, false_negative: float, false_positive: float) -> tuple[list[float], list[float]]:
    """The cost at each threshold, from flagging nobody to flagging everybody."""
    hits: NDArray[np.int64] = np.append(0, np.cumsum(scored.positives))
    alarms: NDArray[np.int64] = np.append(0, np.cumsum(scored.negatives))
    costs = (hits[-1] - hits) * false_negative + alarms * false_positive
    return _thin(np.append(1.0, scored.scores)), _thin(costs)


def _values(scored: Scored) -> dict[str, float]:
    confusion = scored.confusion()
    tp, fp = confusion.true_positive, confusion.false_positive
    tn, fn = confusion.true_negative, confusion.false_negative
    recall, precision = tp / (tp + fn), _ratio(tp, tp + fp)
    return {
        "accuracy": (tp + tn) / scored.rows,
        "precision": precision,
        "recall": recall,
        "true_positive_rate": recall,
        "true_negative_rate": tn / (tn + fp),
        "false_positive_rate": fp / (tn + fp),
        "false_negative_rate": fn / (tp + fn),
        "auc": auc(scored.positives, scored.negatives),
        "f0_5": _f_beta(precision, recall, 0.5),
        "f1": _f_beta(precision, recall, 1.0),
        "f2": _f_beta(precision, recall, 2.0),
    }


def _deviations(scored: Scored, seed: int) -> dict[str, float]:
    """A resample without one of the classes has no AUC and is left out."""
    generator = np.random.default_rng(seed)
    resamples = (scored.resample(generator) for _ in range(RESAMPLES))
    drawn = [_values(each) for each in resamples if each.positives.any() and each.negatives.any()]
    return {name: float(np.std([values[name] for values in drawn])) for name in drawn[0]}


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _f_beta(precision: float, recall: float, beta: float) -> float:
    return _ratio((1 + beta**2) * precision * recall, beta**2 * precision + recall)


def _thin(values: NDArray[np.float64]) -> list[float]:
    """At most CURVE_POINTS of them, the first and the last included."""
    chosen = np.unique(np.linspace(0, len(values) - 1, min(len(values), CURVE_POINTS)).round().astype(int))
    return [round(float(value), 6) for value in values[chosen]]
