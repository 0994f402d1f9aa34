from __future__ import annotations

from typing import Any

import numpy as np
from features import Distinct
from metrics_binary import BinaryScores
from metrics_regression import RegressionScores
from segments import Segment, segments_of


def segments(values: Any, count: int = 100) -> list[Segment]:
    labels = (np.arange(count) % 4 == 0).astype(np.int8)
    scores = BinaryScores(labels, labels * 0.2 + np.linspace(0, 0.6, count), 0.5)
    return segments_of(scores, {"c": values}, ["c", "gone"], problem="binary", missing=("", "NA"))


def texts(values: list[str]) -> Distinct:
    names = sorted(set(values))
    return Distinct(names, np.array([names.index(value) for value in values], dtype=np.int32))


def test_each_value_of_a_text_column_is_measured_on_its_rows() -> None:
    found = segments(texts(["서울"] * 60 + ["부산"] * 40))
    assert [(each.column, each.value, each.rows, each.positives) for each in found] == [
        ("c", "서울", 60, 15),
        ("c", "부산", 40, 10),
    ]
    auc = found[0].estimates["auc"]
    assert auc.low <= auc.value <= auc.high
    assert set(found[0].estimates) == {"auc", "recall", "precision"}


def test_rare_values_are_taken_together_and_missing_ones_apart() -> None:
    found = segments(texts([f"v{n // 8}" for n in range(80)] + ["", "NA"] * 10))
    assert [each.value for each in found] == [*(f"v{n}" for n in range(8)), "2 other values", "missing"]
    assert [each.rows for each in found[-2:]] == [16, 20]


def test_numbers_are_taken_in_quarters() -> None:
    numbers = np.arange(100.0)
    numbers[:4] = np.nan
    found = segments(numbers)
    assert [each.rows for each in found] == [24, 24, 24, 24, 4]
    assert found[0].value == "up to 27.75"
    assert found[-2].value == "above 75.25"
    assert found[-1].value == "missing"


def test_a_segment_of_one_class_has_no_auc_and_says_nothing_wrong() -> None:
    codes = ["odd" if n % 4 else "positive" for n in range(100)]
    found = {each.value: each for each in segments(texts(codes))}
    assert np.isnan(found["odd"].estimates["auc"].value)
    assert found["positive"].estimates["recall"].value > 0


def test_a_regression_is_measured_by_its_errors() -> None:
    scores = RegressionScores(np.zeros(10), np.resize([1.0, 3.0], 10))
    found = segments_of(scores, {"c": texts(["a", "b"] * 5)}, ["c"], problem="regression", missing=())
    assert [(each.value, each.estimates["rmse"].value, each.positives) for each in found] == [
        ("a", 1.0, None),
        ("b", 3.0, None),
    ]
