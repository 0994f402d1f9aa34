from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics import Scored, auc_of, binary_classification_metrics, cost_curve

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=2, max_size=30).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


def arrays(rows: list[tuple[bool, int]]) -> tuple[Any, Any]:
    labels = np.array([label for label, _ in rows], dtype=np.int8)
    return labels, np.array([score / 10 for _, score in rows], dtype=np.float32)


def scored(labels: list[int], scores: list[float], threshold: float = 0.5) -> Scored:
    return Scored.of(np.array(labels, dtype=np.int8), np.array(scores, dtype=np.float32), threshold)


@given(ROWS)
def test_the_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[bool, int]]) -> None:
    positives = [score for label, score in rows if label]
    negatives = [score for label, score in rows if not label]
    wins = sum((p > n) + (p == n) / 2 for p in positives for n in negatives)
    assert auc_of(*arrays(rows)) == pytest.approx(wins / (len(positives) * len(negatives)))


@given(ROWS, st.floats(0, 1))
def test_every_number_of_the_document_is_finite_and_every_rate_a_share(
    rows: list[tuple[bool, int]], threshold: float
) -> None:
    found = binary_classification_metrics(Scored.of(*arrays(rows), threshold))
    json.dumps(found, allow_nan=False)
    for name, value in found.items():
        if "value" in value:
            assert 0 <= value["value"] <= 1, name
            assert 0 <= value["standard_deviation"] <= 0.5, name


def test_the_confusion_matrix_counts_at_the_threshold_actual_class_first() -> None:
    found = binary_classification_metrics(scored([0, 0, 0, 1, 1], [0.1, 0.5, 0.2, 0.9, 0.3]))
    assert found["confusion_matrix"] == {"0": {"0": 2, "1": 1}, "1": {"0": 1, "1": 1}}
    assert found["precision"]["value"] == 0.5
    assert found["recall"]["value"] == 0.5
    assert found["accuracy"]["value"] == 0.6
    assert found["false_positive_rate"]["value"] == pytest.approx(1 / 3)


def test_the_curves_run_from_nobody_flagged_to_everybody() -> None:
    found = binary_classification_metrics(scored([0, 1, 0, 1], [0.1, 0.4, 0.35, 0.8]))
    roc = found["receiver_operating_characteristic_curve"]
    assert roc["false_positive_rates"] == [0.0, 0.0, 0.0, 0.5, 1.0]
    assert roc["true_positive_rates"] == [0.0, 0.5, 1.0, 1.0, 1.0]
    assert found["precision_recall_curve"]["recalls"] == [0.5, 1.0, 1.0, 1.0]
    assert found["precision_recall_curve"]["precisions"][-1] == 0.5


def test_the_curves_of_many_rows_are_thinned() -> None:
    generator = np.random.default_rng(1)
    labels, scores = generator.integers(0, 2, 5000), generator.random(5000)
    found = binary_classification_metrics(scored(labels.tolist(), scores.tolist()))
    rates = found["receiver_operating_characteristic_curve"]["false_positive_rates"]
    assert (len(rates), rates[0], rates[-1]) == (200, 0.0, 1.0)


def test_the_standard_deviation_shrinks_with_the_rows_and_is_the_same_each_time() -> None:
    few = scored([0, 1] * 20, [0.4, 0.6, 0.7, 0.3] * 10)
    many = scored([0, 1] * 500, [0.4, 0.6, 0.7, 0.3] * 250)
    first, second = (binary_classification_metrics(few)["auc"] for _ in range(2))
    assert first == second
    assert 0 < binary_classification_metrics(many)["auc"]["standard_deviation"] < first["standard_deviation"] / 2


def test_the_cost_curve_starts_with_every_miss_and_ends_with_every_alarm() -> None:
    _, costs = cost_curve(scored([0, 0, 0, 1], [0.1, 0.2, 0.9, 0.8]), 10, 2)
    assert (costs[0], costs[-1]) == (10, 6)


@pytest.mark.parametrize("label", [0, 1])
def test_rows_of_one_class_cannot_be_measured(label: int) -> None:
    with pytest.raises(ValueError, match="of 2 rows are positive; rows of both classes are needed"):
        scored([label, label], [0.1, 0.2])
