from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_metrics import measure

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=30)


@given(ROWS)
def test_the_auc_is_the_share_of_pairs_in_order(rows: list[tuple[bool, int]]) -> None:
    labels = np.array([int(label) for label, _ in rows], dtype=np.int8)
    scores = np.array([score / 8 for _, score in rows], dtype=np.float32)
    pairs = [(a, b) for a in scores[labels == 1] for b in scores[labels == 0]]
    if pairs:
        wins = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs)
        assert measure("auc", labels, scores) == pytest.approx(wins / len(pairs))


def test_the_error_of_a_regression_is_the_root_of_the_mean_square() -> None:
    assert measure("rmse", np.array([1.0, 2.0, 9.0]), np.array([1, 2, 6], dtype=np.float32)) == pytest.approx(3**0.5)


def test_the_loss_of_classes_is_that_of_the_true_ones_probability() -> None:
    scores = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]], dtype=np.float32)
    assert measure("mlogloss", np.array([0, 1], dtype=np.int8), scores) == pytest.approx(math.log(2) / 2)
    assert math.isfinite(measure("mlogloss", np.array([1, 0], dtype=np.int8), scores))
