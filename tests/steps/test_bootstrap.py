"""Intervals and paired differences, against slow references and on simulated data whose truth is known."""

from __future__ import annotations

import bootstrap
import numpy as np
import pytest
from bootstrap import Estimate, Measured, difference, measure, resample_count, weight_rows
from metrics_binary import BinaryScores
from metrics_regression import RegressionScores


def rows_of(weights: np.ndarray) -> np.ndarray:
    """The rows that the weights draw, each as often as it was drawn."""
    return np.repeat(np.arange(len(weights)), weights.astype(int))


def simulated(generator: np.random.Generator, count: int) -> BinaryScores:
    labels = (generator.random(count) < 0.2).astype(np.int8)
    return BinaryScores(labels, np.round(generator.normal(labels * 1.2, 1), 3), 0.5)


def test_a_resample_draws_as_many_rows_as_there_are_and_every_row_equally_often() -> None:
    drawn = np.concatenate(list(weight_rows(50, 4000)))
    assert (drawn.sum(axis=1) == 50).all()
    assert np.abs(drawn.mean(axis=0) - 1).max() < 0.1
    assert drawn.var() == pytest.approx(1 - 1 / 50, rel=0.02)


def test_resamples_do_not_depend_on_how_many_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(weight_rows(7, 30)))
    monkeypatch.setattr(bootstrap, "CELLS_AT_ONCE", 20)
    np.testing.assert_array_equal(np.concatenate(list(weight_rows(7, 30))), whole)


def test_many_rows_get_fewer_resamples() -> None:
    assert (resample_count(750), resample_count(100_000), resample_count(10_000_000)) == (1000, 500, 200)


def test_each_resample_is_the_metric_of_the_rows_that_were_drawn() -> None:
    scores = simulated(np.random.default_rng(3), 60)
    weights = np.concatenate(list(weight_rows(60, 40)))
    fast = scores.values(weights)
    for number, weight in enumerate(weights):
        slow = scores.take(rows_of(weight)).values(np.ones((1, 60)))
        for name in ("auc", "average_precision", "brier", "log_loss", "precision", "recall", "f1", "accuracy"):
            assert fast[name][number] == pytest.approx(slow[name][0], nan_ok=True), name


def slow_auc(scores: BinaryScores, rows: np.ndarray) -> float:
    positives = [scores.scores[row] for row in rows if scores.labels[row]]
    negatives = np.array([scores.scores[row] for row in rows if not scores.labels[row]])
    return float(np.mean([(positive > negatives) + (positive == negatives) / 2 for positive in positives]))


def test_the_difference_is_paired_as_a_slow_reference_finds_it() -> None:
    generator = np.random.default_rng(8)
    old = simulated(generator, 60)
    new = BinaryScores(old.labels, old.scores + generator.normal(old.labels * 0.3, 0.4), 0.5)
    found = difference(*measure(new, old, count=300), metric="auc", higher_is_better=True)
    drawn = [rows_of(weights) for weights in np.concatenate(list(weight_rows(60, 300)))]
    gaps = np.array([slow_auc(new, rows) - slow_auc(old, rows) for rows in drawn])
    assert found.probability_better == np.mean(gaps > 1e-12)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(gaps, (2.5, 97.5))))


def test_pairing_makes_the_interval_of_two_like_models_narrow() -> None:
    generator = np.random.default_rng(4)
    old = simulated(generator, 400)
    new = BinaryScores(old.labels, old.scores + generator.normal(0, 0.05, 400), 0.5)
    ours, theirs = measure(new, old)
    gap = difference(ours, theirs, metric="auc", higher_is_better=True)
    assert gap.high - gap.low < (ours.estimate("auc").high - ours.estimate("auc").low) / 5


def test_the_same_answers_differ_by_nothing_and_are_never_better() -> None:
    scores = simulated(np.random.default_rng(5), 100)
    gap = difference(*measure(scores, scores), metric="auc", higher_is_better=True)
    assert (gap.value, gap.low, gap.high, gap.probability_better) == (0, 0, 0, 0)


def test_for_an_error_less_is_better() -> None:
    actual = np.arange(50.0)
    near = RegressionScores(actual, actual + np.resize([0.5, -0.5], 50))
    far = RegressionScores(actual, actual + np.resize([2.0, -2.0], 50))
    assert difference(*measure(near, far), metric="rmse", higher_is_better=False).probability_better == 1
    assert difference(*measure(far, near), metric="rmse", higher_is_better=False).probability_better == 0


def test_the_intervals_of_the_auc_hold_the_truth_about_as_often_as_they_say() -> None:
    generator = np.random.default_rng(11)
    truth = 0.8019  # of two normal distributions 1.2 apart: Phi(1.2 / sqrt(2))
    held = [
        found.low <= truth <= found.high
        for found in (measure(simulated(generator, 300), count=200, seed=n)[0].estimate("auc") for n in range(200))
    ]
    assert 0.89 <= np.mean(held) <= 0.99


def test_the_intervals_of_the_rmse_hold_the_truth_about_as_often_as_they_say() -> None:
    generator = np.random.default_rng(12)
    held = []
    for number in range(200):
        scores = RegressionScores(np.zeros(300), generator.normal(0, 2.0, 300))
        found = measure(scores, count=200, seed=number)[0].estimate("rmse")
        held.append(found.low <= 2.0 <= found.high)
    assert 0.89 <= np.mean(held) <= 0.99


def test_an_interval_holds_its_value_and_resamples_without_the_metric_do_not_count() -> None:
    found = Estimate.of(0.1, np.array([0.2, 0.3, np.nan, 0.4]))
    assert found.low == 0.1
    assert found.high == pytest.approx(0.395)
    assert found.standard_deviation == pytest.approx(np.std([0.2, 0.3, 0.4]))
    assert np.isnan(Estimate.of(float("nan"), np.array([0.1])).low)


def test_the_same_rows_give_the_same_intervals() -> None:
    scores = simulated(np.random.default_rng(6), 80)
    first, second = (measure(scores)[0] for _ in range(2))
    assert isinstance(first, Measured)
    assert first.estimates() == second.estimates()
