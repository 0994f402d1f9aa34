"""Every metric against scikit-learn, in the image's environment, on rows and on weighted rows."""

from __future__ import annotations

from tests.step_runs import CODE, IMAGE_PYTHON, passed, step

COMPARE = """
import sys
sys.path[:0] = [sys.argv[1]]
import numpy as np
from sklearn import metrics as sk
from metrics_binary import BinaryScores
from metrics_multiclass import MulticlassScores
from metrics_regression import RegressionScores

generator = np.random.default_rng(0)

def compare(scores, weights, expected):
    found = scores.values(weights[None])
    for name, value in expected.items():
        assert abs(found[name][0] - value) < 1e-9, (name, found[name][0], value)

def binary(count, weights):
    labels = (generator.random(count) < 0.3).astype(np.int8)
    labels[:2] = 0, 1
    scores = np.clip(np.round(generator.normal(0.4 + 0.2 * labels, 0.2), generator.integers(1, 6)), 0.001, 0.999)
    given, flags = {"sample_weight": weights}, scores >= 0.5
    compare(BinaryScores(labels, scores, 0.5), weights, {
        "auc": sk.roc_auc_score(labels, scores, **given),
        "average_precision": sk.average_precision_score(labels, scores, **given),
        "brier": sk.brier_score_loss(labels, scores, **given),
        "log_loss": sk.log_loss(labels, scores, **given),
        "accuracy": sk.accuracy_score(labels, flags, **given),
        "precision": sk.precision_score(labels, flags, zero_division=0, **given),
        "recall": sk.recall_score(labels, flags, **given),
        "f0_5": sk.fbeta_score(labels, flags, beta=0.5, zero_division=0, **given),
        "f1": sk.f1_score(labels, flags, zero_division=0, **given),
        "f2": sk.fbeta_score(labels, flags, beta=2, zero_division=0, **given),
    })

def multiclass(count, weights):
    size = int(generator.integers(3, 7))
    labels = generator.integers(0, size, count)
    chances = generator.random((count, size)) + 2 * np.eye(size)[labels] * (generator.random(count) < 0.6)[:, None]
    chances /= chances.sum(axis=1, keepdims=True)
    given, answers = {"sample_weight": weights}, chances.argmax(axis=1)
    weighted = {"average": "weighted", "zero_division": 0, **given}
    compare(MulticlassScores(labels, chances, tuple("abcdefg"[:size])), weights, {
        "accuracy": sk.accuracy_score(labels, answers, **given),
        "macro_f1": sk.f1_score(labels, answers, average="macro", **given),
        "log_loss": sk.log_loss(labels, chances, labels=range(size), **given),
        "weighted_precision": sk.precision_score(labels, answers, **weighted),
        "weighted_recall": sk.recall_score(labels, answers, **weighted),
        "weighted_f0_5": sk.fbeta_score(labels, answers, beta=0.5, **weighted),
        "weighted_f1": sk.f1_score(labels, answers, **weighted),
    })

def regression(count, weights):
    actual, predicted = generator.normal(50, 1, count), generator.normal(50, 1, count)
    given = {"sample_weight": weights}
    compare(RegressionScores(actual, predicted), weights, {
        "rmse": sk.root_mean_squared_error(actual, predicted, **given),
        "mae": sk.mean_absolute_error(actual, predicted, **given),
        "r2": sk.r2_score(actual, predicted, **given),
    })

for _ in range(60):
    count = int(generator.integers(30, 300))
    for weights in (np.ones(count), generator.multinomial(count, np.ones(count) / count) + 0.0):
        weights[:2] += weights[:2] == 0
        for problem in (binary, multiclass, regression):
            problem(count, weights)
print("compared")
"""


def test_every_metric_is_what_scikit_learn_finds() -> None:
    assert passed(step("-c", COMPARE, CODE, python=IMAGE_PYTHON)) == "compared\n"
