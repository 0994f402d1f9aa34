from __future__ import annotations

import json

import numpy as np
import pytest
from bootstrap import measure, weight_rows
from metrics_multiclass import SCHEMA, TITLES, MulticlassScores

CLASSES = ("low", "middle", "높음")


def scored(labels: list[int], answers: list[int]) -> MulticlassScores:
    sure = np.full((len(labels), 3), 0.1)
    sure[np.arange(len(labels)), answers] = 0.8
    return MulticlassScores(np.array(labels), sure, CLASSES)


def values(scores: MulticlassScores) -> dict[str, float]:
    return {name: float(found[0]) for name, found in scores.values(np.ones((1, scores.rows))).items()}


def test_the_metrics_are_those_of_the_confusion_matrix() -> None:
    scores = scored([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2])
    assert scores.confusion().tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    found = values(scores)
    assert found["accuracy"] == found["weighted_recall"] == pytest.approx(4 / 6)
    f1 = (0.8, 0.5, 2 / 3)
    assert found["macro_f1"] == pytest.approx(np.mean(f1))
    assert found["weighted_f1"] == pytest.approx((3 * f1[0] + 2 * f1[1] + f1[2]) / 6)
    assert found["weighted_precision"] == pytest.approx((3 * 1 + 2 * 0.5 + 0.5) / 6)
    assert found["log_loss"] == pytest.approx(-(4 * np.log(0.8) + 2 * np.log(0.1)) / 6)


def test_a_class_that_occurs_nowhere_does_not_lower_the_macro_f1() -> None:
    assert values(scored([0, 1], [0, 1]))["macro_f1"] == 1


def test_the_best_constant_answer_is_the_greatest_class() -> None:
    found = values(scored([0, 0, 0, 1], [1, 1, 1, 1]))
    assert found["accuracy_best_constant_classifier"] == 0.75
    assert found["weighted_precision_best_constant_classifier"] == 0.75**2
    assert found["weighted_f1_best_constant_classifier"] == pytest.approx(0.75 * 2 * 0.75 / 1.75)


def test_each_resample_is_the_metric_of_the_rows_that_were_drawn() -> None:
    generator = np.random.default_rng(1)
    scores = scored(generator.integers(0, 3, 50).tolist(), generator.integers(0, 3, 50).tolist())
    weights = np.concatenate(list(weight_rows(50, 20)))
    fast = scores.values(weights)
    for number, weight in enumerate(weights):
        for name, value in values(scores.take(np.repeat(np.arange(50), weight.astype(int)))).items():
            assert fast[name][number] == pytest.approx(value), name


def test_the_document_has_the_names_of_sagemakers_model_quality_schema() -> None:
    scores = scored([0, 1, 2, 2], [0, 1, 2, 1])
    found = scores.quality(measure(scores, count=20)[0].estimates())["multiclass_classification_metrics"]
    json.dumps(found, allow_nan=False)
    assert set(found) == {"confusion_matrix", *SCHEMA}
    assert found["confusion_matrix"]["높음"] == {"low": 0, "middle": 1, "높음": 1}


def test_each_class_is_told_with_its_rows_and_how_well_it_stands_out() -> None:
    found = scored([0, 0, 1, 1], [0, 0, 1, 0]).by_class()
    assert [each["class"] for each in found] == list(CLASSES)
    assert found[0] == {"class": "low", "rows": 2, "recall": 1.0, "precision": 0.66666667, "f1": 0.8, "auc": 0.75}
    assert (found[2]["rows"], found[2]["auc"]) == (0, None)


def test_no_rows_have_no_metrics_and_every_metric_that_is_told_is_measured() -> None:
    found = scored([], []).values(np.ones((2, 0)))
    assert set(TITLES) <= set(found)
    assert all(np.isnan(value).all() for value in found.values())
