from __future__ import annotations

import json
from typing import Any

import metrics_binary
import numpy as np
import pytest
from bootstrap import measure
from hypothesis import given
from hypothesis import strategies as st
from metrics import auc_of
from metrics_binary import SCHEMA, TITLES, BinaryScores

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=2, max_size=30).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


def scored(labels: list[int], scores: list[float], threshold: float = 0.5) -> BinaryScores:
    return BinaryScores(np.array(labels, dtype=np.int8), np.array(scores, dtype=np.float64), threshold)


def of_rows(rows: list[tuple[bool, int]], threshold: float = 0.5) -> BinaryScores:
    return scored([int(label) for label, _ in rows], [score / 10 for _, score in rows], threshold)


def value(scores: BinaryScores, name: str) -> float:
    return float(scores.values(np.ones((1, scores.rows)))[name][0])


@given(ROWS)
def test_the_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[bool, int]]) -> None:
    positives = [score for label, score in rows if label]
    negatives = [score for label, score in rows if not label]
    wins = sum((p > n) + (p == n) / 2 for p in positives for n in negatives)
    expected = wins / (len(positives) * len(negatives))
    scores = of_rows(rows)
    assert value(scores, "auc") == pytest.approx(expected)
    assert auc_of(scores.labels, scores.scores) == pytest.approx(expected)


@given(ROWS)
def test_the_average_precision_weighs_each_precision_by_what_it_finds_more(rows: list[tuple[bool, int]]) -> None:
    scores = of_rows(rows)
    found, seen, expected = 0.0, 0, 0.0
    for score in sorted(set(scores.scores), reverse=True):
        at = scores.scores == score
        new = scores.labels[at].sum()
        found, seen = found + new, seen + at.sum()
        expected += new / scores.positives * found / seen
    assert value(scores, "average_precision") == pytest.approx(expected)


@given(ROWS, st.floats(0, 1))
def test_every_metric_is_finite_and_every_rate_a_share(rows: list[tuple[bool, int]], threshold: float) -> None:
    scores = of_rows(rows, threshold)
    found = measure(scores, count=20)[0].estimates()
    json.dumps(scores.quality(found), allow_nan=False)
    for name in set(found) - {"log_loss"}:
        assert 0 <= found[name].low <= found[name].value <= found[name].high <= 1, name


def test_brier_log_loss_and_calibration_error_are_what_they_say() -> None:
    scores = scored([0, 1, 1, 0], [0.2, 0.2, 0.9, 0.9])
    assert value(scores, "brier") == pytest.approx((0.04 + 0.64 + 0.01 + 0.81) / 4)
    assert value(scores, "log_loss") == pytest.approx(-np.log([0.8, 0.2, 0.9, 0.1]).mean())
    assert value(scores, "calibration_error") == pytest.approx((0.4 + 0.3) / 2)
    bins = scores.calibration()
    assert [(round(mean, 6), share, size) for mean, share, size in bins] == [(0.9, 0.5, 2), (0.2, 0.5, 2)]


def test_a_score_of_0_or_1_that_is_wrong_costs_much_but_not_endlessly() -> None:
    assert 10 < value(scored([1, 0], [0.0, 1.0]), "log_loss") < 20


def test_the_calibration_has_ten_bins_of_about_as_many_rows_and_parts_no_equal_scores() -> None:
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 2, 1000)
    assert [size for _, _, size in scored(labels.tolist(), generator.random(1000).tolist()).calibration()] == [100] * 10
    tied = scored(labels.tolist(), np.repeat([0.1, 0.7], 500).tolist())
    assert [size for _, _, size in tied.calibration()] == [500, 500]


def test_the_confusion_counts_at_the_threshold_and_a_score_at_it_is_a_flag() -> None:
    scores = scored([0, 0, 0, 1, 1], [0.1, 0.5, 0.2, 0.9, 0.3])
    quality = scores.quality(measure(scores, count=5)[0].estimates())["binary_classification_metrics"]
    assert quality["confusion_matrix"] == {"0": {"0": 2, "1": 1}, "1": {"0": 1, "1": 1}}
    expected = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "accuracy": 0.6, "false_positive_rate": 1 / 3}
    assert {name: value(scores, name) for name in expected} == pytest.approx(expected)


def test_flagging_nobody_is_no_division_by_zero() -> None:
    scores = scored([0, 1], [0.1, 0.2], threshold=0.9)
    assert (value(scores, "precision"), value(scores, "f1"), scores.confusion().flagged) == (0, 0, 0)


def test_the_document_has_the_names_of_sagemakers_model_quality_schema() -> None:
    scores = scored([0, 1, 0, 1], [0.1, 0.4, 0.35, 0.8])
    found = scores.quality(measure(scores, count=20)[0].estimates())["binary_classification_metrics"]
    curves = {"confusion_matrix", "receiver_operating_characteristic_curve", "precision_recall_curve"}
    assert set(found) == {*SCHEMA, *curves}
    assert all(set(found[name]) == {"value", "standard_deviation"} for name in SCHEMA)


def test_the_best_constant_answers_are_the_greater_class_and_flagging_everybody() -> None:
    scores = scored([0, 0, 0, 1], [0.1, 0.2, 0.3, 0.4])
    suffix = "_best_constant_classifier"
    expected = {"accuracy": 0.75, "recall": 1, "precision": 0.25, "f0_5": 0.29411764705882354, "f1": 0.4, "f2": 0.625}
    assert {name: value(scores, name + suffix) for name in expected} == pytest.approx(expected)


def test_the_curves_run_from_nobody_flagged_to_everybody() -> None:
    scores = scored([0, 1, 0, 1], [0.1, 0.4, 0.35, 0.8])
    assert scores.roc_curve() == ([0.0, 0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0, 1.0])
    precisions, recalls = scores.precision_recall_curve()
    assert recalls == [0.5, 1.0, 1.0, 1.0]
    assert precisions[-1] == 0.5


def test_the_curves_of_many_rows_are_thinned() -> None:
    generator = np.random.default_rng(1)
    scores = scored(generator.integers(0, 2, 5000).tolist(), generator.random(5000).tolist())
    rates, _ = scores.roc_curve()
    assert (len(rates), rates[0], rates[-1]) == (200, 0.0, 1.0)


def test_the_cost_curve_starts_with_every_miss_and_ends_with_every_alarm() -> None:
    _, costs = scored([0, 0, 0, 1], [0.1, 0.2, 0.9, 0.8]).cost_curve(10, 2)
    assert (costs[0], costs[-1]) == (10, 6)


@pytest.mark.parametrize("labels", [[0, 0], [1, 1]])
def test_without_one_of_the_classes_what_cannot_be_told_is_left_out(labels: list[int]) -> None:
    scores = scored(labels, [0.1, 0.2])
    estimates = measure(scores, count=5)[0].estimates()
    found: dict[str, Any] = scores.quality(estimates)["binary_classification_metrics"]
    json.dumps(found, allow_nan=False)
    assert "auc" not in found
    assert "precision_recall_curve" not in found
    assert found["accuracy"]["value"] == 1 - labels[0]


def test_no_rows_have_no_metrics() -> None:
    assert all(np.isnan(found).all() for found in scored([], []).values(np.ones((3, 0))).values())


def test_every_metric_that_is_told_is_measured() -> None:
    assert set(TITLES) <= set(scored([0, 1], [0, 1]).values(np.ones((1, 2))))


def test_resamples_take_neighbouring_scores_together_where_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    labels = (generator.random(5000) < 0.2).astype(np.int8)
    scores = BinaryScores(labels, generator.normal(labels, 1), 0.6)
    monkeypatch.setattr(metrics_binary, "STEPS_OF_RESAMPLES", 500)
    fast = scores.for_resamples()
    assert (scores.cells, fast.cells) == (10_000, 2 * 501)
    for name in ("precision", "recall", "f1", "brier", "log_loss", "calibration_error"):
        assert value(fast, name) == pytest.approx(value(scores, name), abs=1e-12), name
    assert value(fast, "auc") == pytest.approx(value(scores, "auc"), abs=1e-4)
    assert value(fast, "average_precision") == pytest.approx(value(scores, "average_precision"), abs=2e-3)
