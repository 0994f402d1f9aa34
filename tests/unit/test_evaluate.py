"""The Evaluate step as a process of the image's environment."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.step_runs import Run, errors_of, finished_run


@pytest.fixture(scope="module")
def run() -> Run:
    return finished_run()


@pytest.fixture(scope="module")
def evaluation(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.evaluation / "evaluation.json").read_text())
    return found


def test_the_gate_finds_the_auc_and_its_deviation(evaluation: dict[str, Any]) -> None:
    auc = evaluation["binary_classification_metrics"]["auc"]
    assert 0.6 < auc["value"] < 1
    assert 0 < auc["standard_deviation"] < 0.1


def test_a_model_of_made_up_rows_comes_near_the_best_auc_there_is(run: Run, evaluation: dict[str, Any]) -> None:
    auc = evaluation["binary_classification_metrics"]["auc"]
    assert abs(auc["value"] - run.best_auc) < 0.03 + 3 * auc["standard_deviation"]


def test_the_document_follows_the_model_quality_schema(evaluation: dict[str, Any]) -> None:
    metrics = evaluation["binary_classification_metrics"]
    curves = {"confusion_matrix", "receiver_operating_characteristic_curve", "precision_recall_curve"}
    assert curves < set(metrics)
    for name in set(metrics) - curves:
        assert set(metrics[name]) == {"value", "standard_deviation"}
    assert {"accuracy", "precision", "recall", "f1", "auc"} <= set(metrics)


def test_it_counts_the_test_rows(evaluation: dict[str, Any], run: Run) -> None:
    rows = (run.parts / "test" / "test.csv").read_text().splitlines()[1:]
    assert evaluation["dataset"]["item_count"] == len(rows)
    matrix = evaluation["binary_classification_metrics"]["confusion_matrix"]
    assert sum(sum(row.values()) for row in matrix.values()) == len(rows)
    assert sum(matrix["1"].values()) == evaluation["dataset"]["positive_count"]


def test_the_log_tells_the_auc(run: Run, evaluation: dict[str, Any]) -> None:
    value = evaluation["binary_classification_metrics"]["auc"]["value"]
    assert run.evaluate_log.startswith(f"auc {value:.4f} +- ")


def test_the_same_model_and_rows_give_the_same_bytes(run: Run, tmp_path: Path) -> None:
    packed, test = run.folder / "packed", run.parts / "test"
    arguments = ["--model", packed, "--test", test, "--output", tmp_path, "--auc-floor", 0.6]
    assert errors_of([("evaluate", [str(argument) for argument in arguments])]) == [""]
    for name in ("evaluation.json", "report.html"):
        assert (tmp_path / name).read_bytes() == (run.evaluation / name).read_bytes()


def test_an_archive_that_is_no_model_and_rows_that_do_not_fit_are_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("no model")
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "readme.txt", arcname="readme.txt")
    header, *rows = (run.parts / "test" / "test.csv").read_text().splitlines()
    (tmp_path / "test.csv").write_text("\n".join([header.replace("num_injuries", "injuries"), *rows]))
    model, test = run.folder / "packed", run.parts / "test"
    found = errors_of(
        [
            ("evaluate", ["--model", str(tmp_path), "--test", str(test), "--output", str(tmp_path / "out")]),
            ("evaluate", ["--model", str(model), "--test", str(tmp_path), "--output", str(tmp_path / "out")]),
        ]
    )
    assert "holds no features.json, only readme.txt; it must come from the Train step" in found[0]
    assert found[1].startswith("DataError: column 'num_injuries': is missing; needed: ")
