"""The metrics of a model of two classes, for the test rows and for any resample of them; made by scores.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from bootstrap import Estimate, counted
from metrics import divided, f_beta, schema_values, thin
from numpy.typing import NDArray

TITLES = {
    "auc": "AUC: a positive scores above a negative (0.5 is guessing, 1 is perfect)",
    "average_precision": "average precision: how right flags are over all thresholds",
    "recall": "recall: share of positives that are found",
    "precision": "precision: share of flags that are right",
    "f1": "F1: recall and precision in one number",
    "false_positive_rate": "share of negatives flagged by mistake",
    "accuracy": "accuracy: share of all decisions that are right",
    "brier": "Brier score: mean squared error of the score as a probability (0 is perfect)",
    "log_loss": "log loss: how surprised the model is by the truth (0 is perfect)",
    "calibration_error": "calibration error: mean distance between a score and what comes true",
}
SCHEMA = (
    "recall", "precision", "accuracy", "recall_best_constant_classifier", "precision_best_constant_classifier",
    "accuracy_best_constant_classifier", "true_positive_rate", "true_negative_rate", "false_positive_rate",
    "false_negative_rate", "auc", "f0_5", "f1", "f2", "f0_5_best_constant_classifier",
    "f1_best_constant_classifier", "f2_best_constant_classifier",
)  # fmt: skip
CALIBRATION_BINS = 10
STEPS_OF_RESAMPLES = 10_000
"""Curves of more steps change no interval, but take long."""
SMALLEST = 1e-7
"""The score that the log loss takes for 0, and 1 less this for 1: float32 knows none between."""


@dataclass(frozen=True)
class Confusion:
    true_negative: int
    false_positive: int
    false_negative: int
    true_positive: int

    @property
    def flagged(self) -> int:
        return self.true_positive + self.false_positive

    @property
    def positives(self) -> int:
        return self.true_positive + self.false_negative

    @property
    def negatives(self) -> int:
        return self.true_negative + self.false_positive

    def cost(self, false_negative: float, false_positive: float) -> float:
        return self.false_negative * false_negative + self.false_positive * false_positive


@dataclass(frozen=True)
class BinaryScores:
    """Label (0 or 1) and score of each row; a score of at least the threshold is a flag."""

    labels: NDArray[np.int8]
    scores: NDArray[np.float64]
    threshold: float
    most_steps: int = 0  # if any, neighbouring scores are taken together until so many are left

    @property
    def rows(self) -> int:
        return len(self.labels)

    @property
    def cells(self) -> int:
        return 2 * len(self._steps)

    @property
    def positives(self) -> int:
        return int(np.count_nonzero(self.labels))

    @property
    def support(self) -> dict[str, int]:
        return {"positives": self.positives, "negatives": self.rows - self.positives}

    def take(self, rows: NDArray[np.int64]) -> BinaryScores:
        return BinaryScores(self.labels[rows], self.scores[rows], self.threshold)

    def for_resamples(self) -> BinaryScores:
        return replace(self, most_steps=STEPS_OF_RESAMPLES)

    def values(self, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        if not self.rows:
            return dict.fromkeys((*TITLES, *SCHEMA), np.full(len(weights), np.nan))
        both = counted(self._places, weights, self.cells)
        alarms, hits = both[:, 0::2], both[:, 1::2]
        found, wrong = np.cumsum(hits, axis=1), np.cumsum(alarms, axis=1)
        positives, negatives = found[:, -1], wrong[:, -1]
        total = positives + negatives
        wins = np.einsum("ij,ij->i", hits, negatives[:, None] - wrong + alarms / 2)
        right = np.einsum("ij,ij->i", hits, divided(found, found + wrong, 0.0))
        flagged = (found[:, self._cut - 1], wrong[:, self._cut - 1]) if self._cut else (0 * positives, 0 * positives)
        return {
            "auc": divided(wins, positives * negatives, np.nan),
            "average_precision": divided(right, positives, np.nan),
            "brier": weights @ self._squares / total,
            "log_loss": weights @ self._losses / total,
            "calibration_error": np.abs(counted(self._bin_of, weights * self._surplus, CALIBRATION_BINS)).sum(axis=1)
            / total,
            **_at_threshold(*flagged, positives, negatives),
        }

    def quality(self, estimates: Mapping[str, Estimate]) -> dict[str, Any]:
        """evaluation.json's part about this problem."""
        confusion = self.confusion()
        found: dict[str, Any] = {
            "confusion_matrix": {
                "0": {"0": confusion.true_negative, "1": confusion.false_positive},
                "1": {"0": confusion.false_negative, "1": confusion.true_positive},
            },
            **schema_values(estimates, SCHEMA),
        }
        if 0 < self.positives < self.rows:
            roc, curve = self.roc_curve(), self.precision_recall_curve()
            found["receiver_operating_characteristic_curve"] = {
                "false_positive_rates": roc[0],
                "true_positive_rates": roc[1],
            }
            found["precision_recall_curve"] = {"precisions": curve[0], "recalls": curve[1]}
        return {"binary_classification_metrics": found}

    def confusion(self) -> Confusion:
        flagged = self.scores >= self.threshold
        hits = int(np.count_nonzero(flagged & (self.labels == 1)))
        alarms = int(np.count_nonzero(flagged)) - hits
        return Confusion(self.rows - self.positives - alarms, alarms, self.positives - hits, hits)

    def roc_curve(self) -> tuple[list[float], list[float]]:
        hits, alarms = self._counts
        return (
            thin(np.append(0, np.cumsum(alarms)) / alarms.sum()),
            thin(np.append(0, np.cumsum(hits)) / hits.sum()),
        )

    def precision_recall_curve(self) -> tuple[list[float], list[float]]:
        hits, alarms = (np.cumsum(counts) for counts in self._counts)
        return thin(hits / (hits + alarms)), thin(hits / hits[-1])

    def cost_curve(self, false_negative: float, false_positive: float) -> tuple[list[float], list[float]]:
        """The cost at each threshold, from flagging nobody to flagging everybody."""
        hits: NDArray[np.float64] = np.append(0, np.cumsum(self._counts[0]))
        alarms: NDArray[np.float64] = np.append(0, np.cumsum(self._counts[1]))
        costs = (hits[-1] - hits) * false_negative + alarms * false_positive
        return thin(np.append(1.0, self._sorted_scores[self._starts])), thin(costs)

    def calibration(self) -> list[tuple[float, float, int]]:
        """Mean score, share that came true and number of rows, bin by bin from the highest scores down."""
        sizes: NDArray[np.int64] = np.diff(np.append(self._bins, self.rows))
        scores = np.add.reduceat(self._sorted_scores, self._bins) / sizes
        true = np.add.reduceat(self._sorted_labels, self._bins) / sizes
        return [(float(score), float(share), int(size)) for score, share, size in zip(scores, true, sizes, strict=True)]

    def _place_among(self, starts: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each row, in which of the groups it is that start at these places of the sorted rows."""
        groups: NDArray[np.int64] = np.empty(self.rows, dtype=np.int64)
        groups[self._order] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, self.rows)))
        return groups

    def _aligned(self, count: int) -> NDArray[np.int64]:
        """Where about so many groups of about as many rows each start; none parts rows of the same score."""
        wanted = np.arange(count) * self.rows / count
        return np.unique(self._starts[np.searchsorted(self._starts, wanted, side="right") - 1])

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        return np.argsort(-self.scores, kind="stable")

    @cached_property
    def _sorted_scores(self) -> NDArray[np.float64]:
        return self.scores[self._order]

    @cached_property
    def _sorted_labels(self) -> NDArray[np.float64]:
        return self.labels[self._order].astype(np.float64)

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """Where a new score begins among the sorted rows."""
        return np.flatnonzero(np.append(True, np.diff(self._sorted_scores) != 0))

    @cached_property
    def _steps(self) -> NDArray[np.int64]:
        """Where each step of the curves begins: one for each score, the threshold always between two."""
        if not self.most_steps or len(self._starts) <= self.most_steps:
            return self._starts
        cut = self._starts[self._sorted_scores[self._starts] < self.threshold][:1]
        return np.unique(np.concatenate([self._aligned(self.most_steps), cut]))

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        """For each row twice its step, and one more if it is a positive."""
        return 2 * self._place_among(self._steps) + self.labels

    @cached_property
    def _cut(self) -> int:
        """How many of the steps are flags."""
        return int(np.count_nonzero(self._sorted_scores[self._steps] >= self.threshold))

    @cached_property
    def _bins(self) -> NDArray[np.int64]:
        """Where a bin of the calibration begins."""
        return self._aligned(CALIBRATION_BINS)

    @cached_property
    def _bin_of(self) -> NDArray[np.int64]:
        return self._place_among(self._bins)

    @cached_property
    def _surplus(self) -> NDArray[np.float64]:
        return self.scores - self.labels

    @cached_property
    def _squares(self) -> NDArray[np.float64]:
        return self._surplus**2

    @cached_property
    def _losses(self) -> NDArray[np.float64]:
        score = np.clip(self.scores, SMALLEST, 1 - SMALLEST)
        return -np.where(self.labels == 1, np.log(score), np.log1p(-score))

    @cached_property
    def _counts(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        hits = np.add.reduceat(self._sorted_labels, self._starts)
        return hits, np.add.reduceat(1 - self._sorted_labels, self._starts)


def _at_threshold(
    hits: NDArray[np.float64],
    alarms: NDArray[np.float64],
    positives: NDArray[np.float64],
    negatives: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """Of the constant answers the best one counts for each metric: the greater class, or flagging everybody."""
    total = positives + negatives
    precision, recall = divided(hits, hits + alarms, 0.0), divided(hits, positives, np.nan)
    false_alarms = divided(alarms, negatives, np.nan)
    everybody, all_found = positives / total, divided(positives, positives, np.nan)
    return {
        "accuracy": (hits + negatives - alarms) / total,
        "precision": precision,
        "recall": recall,
        "true_positive_rate": recall,
        "true_negative_rate": 1 - false_alarms,
        "false_positive_rate": false_alarms,
        "false_negative_rate": 1 - recall,
        "accuracy_best_constant_classifier": np.maximum(positives, negatives) / total,
        "precision_best_constant_classifier": everybody,
        "recall_best_constant_classifier": all_found,
        **{name: f_beta(precision, recall, beta) for name, beta in (("f0_5", 0.5), ("f1", 1.0), ("f2", 2.0))},
        **{
            f"{name}_best_constant_classifier": f_beta(everybody, all_found, beta)
            for name, beta in (("f0_5", 0.5), ("f1", 1.0), ("f2", 2.0))
        },
    }
