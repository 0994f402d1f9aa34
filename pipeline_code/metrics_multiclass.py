"""The metrics of a model of several classes, for the test rows and for any resample; made by scores.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from bootstrap import Estimate, counted
from metrics import auc_of, divided, f_beta, rounded, schema_values
from numpy.typing import NDArray

TITLES = {
    "accuracy": "accuracy: share of all answers that are right",
    "macro_f1": "macro F1: recall and precision in one number, every class counting the same",
    "weighted_f1": "weighted F1: the same, every row counting the same",
    "weighted_precision": "weighted precision: share of answers that are right, averaged over the classes",
    "log_loss": "log loss: how surprised the model is by the truth (0 is perfect)",
}
SCHEMA = (
    "accuracy", "weighted_recall", "weighted_precision", "weighted_f0_5", "weighted_f1", "weighted_f2",
    "accuracy_best_constant_classifier", "weighted_recall_best_constant_classifier",
    "weighted_precision_best_constant_classifier", "weighted_f0_5_best_constant_classifier",
    "weighted_f1_best_constant_classifier", "weighted_f2_best_constant_classifier",
)  # fmt: skip
BETAS = (("f0_5", 0.5), ("f1", 1.0), ("f2", 2.0))
SMALLEST = 1e-7


@dataclass(frozen=True)
class MulticlassScores:
    """The class of each row as a code, and the probability that the model gives to each class."""

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]  # rows x classes
    classes: tuple[str, ...]

    @property
    def rows(self) -> int:
        return len(self.labels)

    @property
    def cells(self) -> int:
        return max(self.rows, len(self.classes) ** 2)

    @property
    def support(self) -> dict[str, int]:
        counts = np.bincount(self.labels, minlength=len(self.classes))
        return {name: int(count) for name, count in zip(self.classes, counts, strict=True)}

    def for_resamples(self) -> MulticlassScores:
        return self

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        return self.probabilities.argmax(axis=1)

    def take(self, rows: NDArray[np.int64]) -> MulticlassScores:
        return MulticlassScores(self.labels[rows], self.probabilities[rows], self.classes)

    def values(self, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        if not self.rows:
            return dict.fromkeys((*TITLES, *SCHEMA), np.full(len(weights), np.nan))
        confusion = self._confusions(weights)
        total = confusion.sum(axis=(1, 2))
        actual, answered = confusion.sum(axis=2), confusion.sum(axis=1)
        right = np.diagonal(confusion, axis1=1, axis2=2)
        precision, recall = divided(right, answered, 0.0), divided(right, actual, 0.0)
        occurs = (actual + answered) > 0
        share = actual / total[:, None]
        most = share.max(axis=1)
        return {
            "accuracy": right.sum(axis=1) / total,
            "macro_f1": f_beta(precision, recall, 1.0).sum(axis=1) / occurs.sum(axis=1),
            "log_loss": weights @ self._losses / total,
            "weighted_recall": (recall * share).sum(axis=1),
            "weighted_precision": (precision * share).sum(axis=1),
            **{f"weighted_{name}": (f_beta(precision, recall, beta) * share).sum(axis=1) for name, beta in BETAS},
            "accuracy_best_constant_classifier": most,
            "weighted_recall_best_constant_classifier": most,
            "weighted_precision_best_constant_classifier": most**2,
            **{
                f"weighted_{name}_best_constant_classifier": most * f_beta(most, np.ones_like(most), beta)
                for name, beta in BETAS
            },
        }

    def quality(self, estimates: Mapping[str, Estimate]) -> dict[str, Any]:
        """evaluation.json's part about this problem."""
        counts = self.confusion()
        matrix = {
            actual: {answer: int(count) for answer, count in zip(self.classes, row, strict=True)}
            for actual, row in zip(self.classes, counts, strict=True)
        }
        return {
            "multiclass_classification_metrics": {
                "confusion_matrix": matrix,
                **schema_values(estimates, SCHEMA),
            }
        }

    def confusion(self) -> NDArray[np.int64]:
        """Rows by actual class (first index) and answer."""
        size = len(self.classes)
        return np.bincount(self._cell, minlength=size**2).reshape(size, size)

    def by_class(self) -> list[dict[str, Any]]:
        """One record per class: its rows, recall, precision, F1, and how well it is told from the rest."""
        counts = self.confusion().astype(np.float64)
        right = np.diagonal(counts)
        precision, recall = divided(right, counts.sum(axis=0), 0.0), divided(right, counts.sum(axis=1), 0.0)
        return [
            {
                "class": name,
                "rows": int(counts[place].sum()),
                "recall": rounded(float(recall[place])),
                "precision": rounded(float(precision[place])),
                "f1": rounded(float(f_beta(precision, recall, 1.0)[place])),
                "auc": rounded(auc_of(self.labels == place, self.probabilities[:, place])),
            }
            for place, name in enumerate(self.classes)
        ]

    def _confusions(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        size = len(self.classes)
        return counted(self._cell, weights, size**2).reshape(len(weights), size, size)

    @cached_property
    def _cell(self) -> NDArray[np.int64]:
        """For each row its cell of the confusion matrix."""
        return self.labels * len(self.classes) + self.predicted

    @cached_property
    def _losses(self) -> NDArray[np.float64]:
        given = self.probabilities[np.arange(self.rows), self.labels]
        return -np.log(np.clip(given, SMALLEST, 1.0))
