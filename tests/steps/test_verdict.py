from __future__ import annotations

from dataclasses import replace

import pytest
from bootstrap import Difference, Estimate
from metrics import GATE_METRICS
from verdict import Contest, Gate, Outcome, decide

AUC = Gate(GATE_METRICS["binary"], floor=0.7, min_support=10, confidence=0.9)
RMSE = Gate(GATE_METRICS["regression"], floor=2.6, min_support=10, confidence=0.9)
GOOD = Estimate(0.812, 0.741, 0.873, 0.03)
OLD = Estimate(0.79, 0.72, 0.85, 0.03)
CLEAR = Difference(0.022, 0.004, 0.047, 0.972)


def told(
    gate: Gate = AUC, estimate: Estimate = GOOD, *, positives: int = 25, contest: Contest | None = None
) -> Outcome:
    return decide(
        gate, estimate, rows=750, support={"positives": positives, "negatives": 750 - positives}, contest=contest
    )


def test_a_first_model_passes_on_the_floor_alone() -> None:
    found = told()
    assert (found.outcome, found.register) == ("first", 1)
    assert found.sentence == (
        "First model: AUC 0.812 (95 % interval 0.741 to 0.873) on 750 test rows reaches the floor of 0.7; "
        "there is no champion."
    )


def test_a_model_that_is_surely_better_is_registered() -> None:
    found = told(contest=Contest("claims-fraud/3", OLD, CLEAR))
    assert (found.outcome, found.register) == ("better", 1)
    assert found.sentence == (
        "Better than claims-fraud/3: AUC 0.812 against 0.790 on the same 750 test rows (difference +0.022, "
        "95 % interval +0.004 to +0.047), better in 97.2% of the resamples, 90% are needed."
    )


def test_a_model_that_is_only_perhaps_better_leaves_the_champion() -> None:
    found = told(contest=Contest("claims-fraud/3", OLD, replace(CLEAR, low=-0.01, probability_better=0.85)))
    assert (found.outcome, found.register) == ("kept", 0)
    assert found.sentence.startswith("Champion claims-fraud/3 kept: AUC 0.812 against 0.790 on the same 750 test rows")
    assert found.sentence.endswith("better only in 85.0% of the resamples, 90% are needed.")


def test_a_champion_that_answers_alike_stays_even_where_no_certainty_is_asked() -> None:
    gate = replace(AUC, confidence=0.0)
    found = told(gate, contest=Contest("claims-fraud/3", GOOD, Difference(0, 0, 0, 0)))
    assert found.outcome == "kept"
    assert found.sentence.startswith("Champion claims-fraud/3 kept: both answer alike, AUC 0.812 against 0.812")


@pytest.mark.parametrize("confidence", [0.0, 0.9])
def test_a_worse_model_is_not_registered(confidence: float) -> None:
    gap = Difference(-0.02, -0.05, 0.0, 0.03)
    assert told(replace(AUC, confidence=confidence), contest=Contest("a/1", OLD, gap)).outcome == "kept"


def test_a_champion_that_could_not_be_measured_does_not_count_and_the_sentence_says_why() -> None:
    found = told(contest=Contest("a/1", problem="its label is 'x', this model's is 'y'"))
    assert (found.outcome, found.register) == ("first", 1)
    assert found.sentence.endswith("the champion a/1 does not count: its label is 'x', this model's is 'y'.")


def test_below_the_floor_nothing_else_counts() -> None:
    found = told(estimate=Estimate(0.69, 0.6, 0.75, 0.03), contest=Contest("a/1", OLD, CLEAR))
    assert (found.outcome, found.register) == ("below-floor", 0)
    assert found.sentence == (
        "Not good enough: AUC 0.690 (95 % interval 0.600 to 0.750) on 750 test rows is below the floor of 0.7."
    )


def test_a_value_at_the_floor_reaches_it() -> None:
    assert told(estimate=replace(GOOD, value=0.7)).outcome == "first"
    assert told(RMSE, replace(GOOD, value=2.6)).outcome == "first"


@pytest.mark.parametrize(("floor", "shown"), [(142_000, "142,000"), (1_420_000.5, "1,420,000.5"), (1500, "1,500")])
def test_a_large_ceiling_is_told_without_an_exponent(floor: float, shown: str) -> None:
    assert f"keeps to the ceiling of {shown};" in told(replace(RMSE, floor=floor)).sentence


def test_an_error_must_stay_below_its_ceiling() -> None:
    found = decide(RMSE, Estimate(2.7, 2.5, 2.9, 0.1), rows=600, support={"rows": 600})
    assert found.outcome == "below-floor"
    assert found.sentence.endswith("on 600 test rows is above the ceiling of 2.6.")
    near = decide(RMSE, Estimate(2.1, 2.0, 2.3, 0.1), rows=600, support={"rows": 600})
    assert near.outcome == "first"
    assert "on 600 test rows keeps to the ceiling of 2.6; there is no champion." in near.sentence


def test_for_an_error_the_smaller_one_is_better() -> None:
    gap = Difference(-0.2, -0.3, -0.1, 0.99)
    contest = Contest("abalone/1", Estimate(2.3, 2.2, 2.4, 0.1), gap)
    assert decide(RMSE, Estimate(2.1, 2, 2.2, 0.1), rows=600, support={"rows": 600}, contest=contest).register == 1
    worse = Contest("abalone/1", Estimate(1.9, 1.8, 2, 0.1), Difference(0.2, 0.1, 0.3, 0.01))
    assert decide(RMSE, Estimate(2.1, 2, 2.2, 0.1), rows=600, support={"rows": 600}, contest=worse).outcome == "kept"


def test_too_few_positives_come_before_everything() -> None:
    found = told(estimate=replace(GOOD, value=float("nan")), positives=5)
    assert (found.outcome, found.register) == ("too-few", 0)
    assert found.sentence == "Not enough positives to tell: 5 among 750 test rows, at least 10 are needed."


def test_negatives_classes_and_rows_can_be_too_few_as_well() -> None:
    assert told(positives=748).sentence.startswith("Not enough negatives to tell: 2 among 750")
    classes = decide(AUC, GOOD, rows=30, support={"a": 20, "b": 10, "c": 0})
    assert classes.sentence == "Not enough rows of class 'c' to tell: 0 among 30 test rows, at least 10 are needed."
    rows = decide(RMSE, GOOD, rows=9, support={"rows": 9})
    assert rows.sentence == "Not enough rows to tell: 9 test rows, at least 10 are needed."


def test_without_a_least_number_one_row_of_each_class_is_still_needed() -> None:
    assert told(replace(AUC, min_support=0), positives=0).outcome == "too-few"
    assert told(replace(AUC, min_support=0), positives=1).outcome == "first"


def test_the_confidence_that_is_needed_is_told_with_its_digits() -> None:
    gap = Difference(0.02, -0.01, 0.05, 0.992)
    found = told(replace(AUC, confidence=0.995), contest=Contest("a/1", OLD, gap))
    assert found.outcome == "kept"
    assert found.sentence.endswith("better only in 99.2% of the resamples, 99.5% are needed.")


def test_figures_stay_readable_at_any_size() -> None:
    gate = replace(RMSE, floor=1e9)
    large = decide(gate, Estimate(123456.7, 120000, 130000, 9), rows=60, support={"rows": 60})
    assert "RMSE 123,457 (95 % interval 120,000 to 130,000)" in large.sentence
    tiny = decide(gate, Estimate(0.000123, 0.0001, 0.0002, 9), rows=60, support={"rows": 60})
    assert "RMSE 0.000123 (95 % interval 0.0001 to 0.0002)" in tiny.sentence


def test_a_value_that_would_look_like_the_floor_is_told_in_full() -> None:
    assert "AUC 0.699912 (95 % interval" in told(estimate=replace(GOOD, value=0.699912)).sentence
