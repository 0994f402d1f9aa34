from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threshold import Costs, Decision, choose_threshold

SCORED = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=1, max_size=40)


def cost_at(threshold: float, labels: np.ndarray, scores: np.ndarray, costs: Costs) -> float:
    flagged = scores.astype(np.float64) >= threshold
    missed, alarms = int((labels[~flagged] == 1).sum()), int((labels[flagged] == 0).sum())
    return missed * costs.false_negative + alarms * costs.false_positive


@given(SCORED, st.floats(0.1, 100), st.floats(0.1, 100))
def test_no_other_threshold_is_cheaper(rows: list[tuple[bool, int]], missed: float, alarm: float) -> None:
    labels = np.array([label for label, _ in rows], dtype=np.int8)
    scores = np.array([score / 20 for _, score in rows], dtype=np.float32)
    costs = Costs(missed, alarm)
    decision = choose_threshold(labels, scores, costs)
    assert decision.validation_cost == pytest.approx(cost_at(decision.threshold, labels, scores, costs))
    others = [*(float(score) for score in scores), 2.0]
    assert all(decision.validation_cost <= cost_at(other, labels, scores, costs) + 1e-6 for other in others)


def test_the_threshold_lies_between_two_scores() -> None:
    decision = choose_threshold(
        np.array([0, 0, 1, 1], dtype=np.int8), np.array([0.1, 0.2, 0.6, 0.9], dtype=np.float32), Costs(1, 1)
    )
    assert decision.threshold == pytest.approx(0.4)
    assert decision.validation_cost == 0


def test_an_expensive_miss_lowers_the_threshold() -> None:
    labels = np.array([0, 1, 0, 0, 1], dtype=np.int8)
    scores = np.array([0.1, 0.2, 0.3, 0.4, 0.9], dtype=np.float32)
    assert choose_threshold(labels, scores, Costs(1, 1)).threshold == pytest.approx(0.65)
    assert choose_threshold(labels, scores, Costs(50, 1)).threshold == pytest.approx(0.15)


def test_the_decision_survives_json() -> None:
    decision = choose_threshold(np.array([0, 1], dtype=np.int8), np.array([0.1, 0.2], dtype=np.float32), Costs(20, 1))
    assert Decision.from_json(decision.to_json()) == decision


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan")])
def test_a_cost_must_be_a_number_above_zero(value: float) -> None:
    with pytest.raises(ValueError, match="must be a number above 0"):
        Costs(value, 1)
