from __future__ import annotations

import metrics_regression
import numpy as np
import pytest
from bootstrap import measure, weight_rows
from hypothesis import given
from hypothesis import strategies as st
from metrics_regression import TITLES, RegressionScores

PAIRS = st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=1, max_size=30)


def of(pairs: list[tuple[float, float]]) -> RegressionScores:
    return RegressionScores(np.array([a for a, _ in pairs], float), np.array([p for _, p in pairs], float))


def values(scores: RegressionScores) -> dict[str, float]:
    return {name: float(found[0]) for name, found in scores.values(np.ones((1, scores.rows))).items()}


@given(PAIRS)
def test_the_errors_are_measured_as_numpy_would(pairs: list[tuple[float, float]]) -> None:
    scores = of(pairs)
    found, errors = values(scores), scores.predicted - scores.actual
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert found["mae"] == pytest.approx(np.mean(np.abs(errors)))
    assert found["median_absolute_error"] == pytest.approx(np.median(np.abs(errors)))
    assert found["bias"] == pytest.approx(errors.mean())
    if np.var(scores.actual):
        assert found["r2"] == pytest.approx(1 - np.mean(errors**2) / np.var(scores.actual))


def test_each_resample_is_the_metric_of_the_rows_that_were_drawn() -> None:
    generator = np.random.default_rng(1)
    scores = RegressionScores(generator.normal(1e6, 1, 40), generator.normal(1e6, 1, 40))
    weights = np.concatenate(list(weight_rows(40, 30)))
    fast = scores.values(weights)
    for number, weight in enumerate(weights):
        slow = values(scores.take(np.repeat(np.arange(40), weight.astype(int))))
        for name, value in slow.items():
            assert fast[name][number] == pytest.approx(value), name


def test_the_document_has_the_names_of_sagemakers_model_quality_schema() -> None:
    scores = of([(1, 2), (3, 3), (5, 4)])
    found = scores.quality(measure(scores, count=20)[0].estimates())["regression_metrics"]
    assert set(found) == {"mae", "mse", "rmse", "r2"}
    assert found["mse"]["value"] == pytest.approx(2 / 3)
    assert all(set(value) == {"value", "standard_deviation"} for value in found.values())


def test_a_label_that_never_varies_has_no_r2() -> None:
    scores = of([(1, 2), (1, 1)])
    assert np.isnan(values(scores)["r2"])
    assert "r2" not in scores.quality(measure(scores, count=5)[0].estimates())["regression_metrics"]


def test_no_rows_have_no_metrics_and_every_metric_that_is_told_is_measured() -> None:
    found = of([]).values(np.ones((2, 0)))
    assert set(TITLES) <= set(found)
    assert all(np.isnan(value).all() for value in found.values())


def test_resamples_take_errors_of_neighbouring_sizes_together_where_there_are_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = np.random.default_rng(1)
    scores = RegressionScores(generator.normal(size=5000), generator.normal(size=5000))
    monkeypatch.setattr(metrics_regression, "SIZES_OF_RESAMPLES", 500)
    exact, fast = values(scores), values(scores.for_resamples())
    assert fast.pop("median_absolute_error") == pytest.approx(exact.pop("median_absolute_error"), abs=2e-3)
    assert fast == exact
