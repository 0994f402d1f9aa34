"""The Evaluate step in the image's environment, on models that were trained for the test."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate_lab import CLASSES, evaluate, verdict, world
from tests.step_runs import CODE, passed, step

URI = f"s3://artifacts/inputs/{'ab' * 32}/"
RUNS: dict[str, dict[str, object]] = {
    "first": {"champion": "none"},
    "better": {"champion": "weak"},
    "same": {"champion": "good"},
    "worse": {"model": "weak", "champion": "good", "floor": 0.5},
    "retrained": {"champion": "retrained"},
    "below": {"champion": "weak", "floor": 0.99},
    "few": {"test": "few", "champion": "weak", "floor": 0.99},
    "nobody": {"test": "nobody", "champion": "weak", "min_support": 0},
    "leaky": {"model": "leaky", "champion": "none", "test": "leaky-test"},
    "drifted": {"test": "drifted", "champion": "retrained"},
    "ages": {"model": "ages", "champion": "rough-ages", "test": "ages-test", "floor": 2},
    "rough-ages": {"model": "rough-ages", "champion": "ages", "test": "ages-test", "floor": 20},
    "bad-ages": {"model": "rough-ages", "champion": "none", "test": "ages-test", "floor": 1.2},
    "grades": {"model": "grades", "champion": "rough-grades", "test": "grades-test"},
    "turned-grades": {"model": "grades", "champion": "turned-grades", "test": "grades-test"},
    "rough-grades": {"model": "rough-grades", "champion": "grades", "test": "grades-test", "floor": 0.2},
}


@functools.cache
def outputs() -> Path:
    """Every run of RUNS, in one process, because starts are slow."""
    folder, calls = world().folder, []
    for name, changes in RUNS.items():
        given: dict[str, Any] = {"model": "good", "champion": "none", "test": "test", "floor": 0.6, **changes}
        paths = {argument: folder / given[argument] for argument in ("model", "champion", "test")}
        calls.append({**given, **paths, "output": folder / "out" / name, "champion_version": "made-up/3"})
    assert evaluate(*({**call, "input_uri": URI} for call in calls)) == [""] * len(calls)
    return folder / "out"


def found(name: str) -> dict[str, Any]:
    return verdict(outputs() / name)


def quality(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((outputs() / name / "evaluation.json").read_text())
    return document


@pytest.mark.parametrize(
    ("run", "outcome", "register"),
    [
        ("first", "first", 1),
        ("better", "better", 1),
        ("same", "kept", 0),
        ("worse", "kept", 0),
        ("below", "below-floor", 0),
        ("few", "too-few", 0),
        ("nobody", "too-few", 0),
        ("ages", "better", 1),
        ("rough-ages", "kept", 0),
        ("bad-ages", "below-floor", 0),
        ("grades", "better", 1),
        ("rough-grades", "kept", 0),
        ("turned-grades", "kept", 0),
    ],
)
def test_the_gate_registers_only_what_is_good_enough_and_better(run: str, outcome: str, register: int) -> None:
    gate = found(run)["gate"]
    assert (gate["outcome"], gate["register"]) == (outcome, register), gate["sentence"]


def test_five_positives_are_not_enough_to_tell() -> None:
    gate = found("few")["gate"]
    assert gate["sentence"].startswith("Not enough positives to tell: 5 among ")
    assert found("few")["data"]["positives"] == 5


def test_without_any_positive_what_cannot_be_told_is_null() -> None:
    assert set(found("nobody")["metrics"]["auc"].values()) == {None}
    assert found("nobody")["metrics"]["accuracy"]["value"] > 0
    assert "auc" not in quality("nobody")["binary_classification_metrics"]


def test_the_same_model_as_the_champion_differs_by_nothing() -> None:
    champion = found("same")["champion"]
    assert champion["metrics"] == found("same")["metrics"]
    assert champion["difference"] == {"value": 0, "low": 0, "high": 0, "probability_better": 0}


def test_a_champion_with_other_columns_is_scored_with_its_own() -> None:
    champion = found("retrained")["champion"]
    assert champion["problem"] is None
    assert 0.7 < champion["metrics"]["auc"]["value"] < 1
    assert champion["difference"]["low"] < 0 < champion["difference"]["high"]


def test_a_champion_whose_classes_stand_in_another_order_is_measured_alike() -> None:
    champion = found("turned-grades")["champion"]
    assert champion["metrics"]["accuracy"]["value"] == pytest.approx(
        found("turned-grades")["metrics"]["accuracy"]["value"], abs=0.02
    )


def test_the_verdict_tells_the_run_completely() -> None:
    document = found("better")
    assert list(document) == [
        "version", "model", "problem", "gate", "metrics", "threshold", "champion", "artifact", "data", "suspects",
        "drift", "segments",
    ]  # fmt: skip
    assert document["gate"] | {"sentence": ""} == {
        "outcome": "better", "register": 1, "sentence": "", "metric": "auc", "floor": 0.6, "min_support": 10,
        "confidence": 0.9,
    }  # fmt: skip
    assert document["threshold"] == 0.35
    assert document["artifact"]["rounds"] == 30
    assert len(document["artifact"]["sha256"]) == 64
    assert document["data"] | {"positives": 0} == {
        "test_rows": 750, "positives": 0, "input_uri": URI, "manifest_sha256": "ab" * 32,
    }  # fmt: skip
    auc = document["metrics"]["auc"]
    assert auc["low"] < auc["value"] < auc["high"]
    assert document["champion"]["difference"]["probability_better"] == 1


def test_a_first_model_has_no_champion_and_no_drift() -> None:
    assert found("first")["champion"] is None
    assert found("first")["drift"] == []


def test_rows_that_moved_since_the_champions_data_are_told() -> None:
    drift = {each["column"]: each for each in found("drifted")["drift"]}
    assert drift["x"]["sentence"].startswith("x has drifted far (stability index ")
    assert drift["x"]["psi"] > 0.25
    assert drift["지역"]["sentence"] == drift["y"]["sentence"] == ""
    still = {each["column"]: each["sentence"] for each in found("better")["drift"]}
    assert set(still.values()) == {""}
    assert "지역" in still


def test_segments_are_measured_by_features_and_by_columns_that_are_none() -> None:
    segments = found("better")["segments"]
    assert {(each["column"], each["value"]) for each in segments} == {
        ("지역", "서울"), ("지역", "부산"), ("지역", "<b>제주</b>"), ("unused", "a"), ("unused", "b"), ("unused", "c"),
    }  # fmt: skip
    assert sum(each["rows"] for each in segments if each["column"] == "unused") == 750
    auc = segments[0]["metrics"]["auc"]
    assert auc["low"] < auc["value"] < auc["high"]


def test_a_column_that_gives_the_label_away_is_suspected() -> None:
    suspects = [(each["code"], each["column"]) for each in found("leaky")["suspects"]]
    assert suspects == [("explains-label", "paid"), ("dominant", "paid")]
    assert found("leaky")["gate"]["register"] == 1
    assert found("better")["suspects"] == []


def test_evaluation_json_counts_the_rows_and_holds_the_metrics_of_the_problem() -> None:
    document = quality("better")
    assert document["dataset"] == {"item_count": 750, "positive_count": found("better")["data"]["positives"]}
    metrics = document["binary_classification_metrics"]
    assert metrics["auc"]["value"] == found("better")["metrics"]["auc"]["value"]
    assert sum(sum(row.values()) for row in metrics["confusion_matrix"].values()) == 750
    assert set(quality("ages")) == {"dataset", "regression_metrics"}
    assert quality("ages")["regression_metrics"]["rmse"]["value"] < 1.4
    assert set(quality("grades")["multiclass_classification_metrics"]["confusion_matrix"]) == set(CLASSES)


def test_alone_as_a_process_it_writes_the_same_bytes_and_tells_the_verdict(tmp_path: Path) -> None:
    folder = world().folder
    log = passed(step(
        CODE / "evaluate.py", "--model", folder / "good", "--champion", folder / "weak", "--test", folder / "test",
        "--output", tmp_path, "--floor", 0.6, "--champion-version", "made-up/3", "--input-uri", URI,
    ))  # fmt: skip
    assert log.strip() == found("better")["gate"]["sentence"]
    for name in ("verdict.json", "evaluation.json", "report.html"):
        assert (tmp_path / name).read_bytes() == (outputs() / "better" / name).read_bytes()


def test_a_step_that_fails_on_its_data_says_so_in_one_sentence(tmp_path: Path) -> None:
    folder = world().folder
    (tmp_path / "ml").mkdir()
    result = step(
        CODE / "evaluate.py", "--model", folder / "good", "--champion", folder / "none", "--test", folder / "lacking",
        "--output", tmp_path / "out", "--floor", 0.6, SAGEMAKER_BASE_DIR=tmp_path / "ml",
    )  # fmt: skip
    sentence = "column 'x': is missing; needed: x, noise, 지역"
    assert (result.returncode, result.stderr) == (1, sentence + "\n")
    assert (tmp_path / "ml" / "output" / "message").read_text() == sentence
    assert not (tmp_path / "out").exists()


def test_what_it_cannot_use_is_told() -> None:
    folder = world().folder
    usual = {"model": folder / "good", "champion": folder / "none", "test": folder / "test", "floor": 0.6,
             "output": folder / "refused"}  # fmt: skip
    errors = evaluate(
        {**usual, "test": folder / "empty"},
        {**usual, "test": folder / "none"},
        {**usual, "champion": folder / "test"},
        {**usual, "floor": "high"},
        {**usual, "confidence": 90},
        {**usual, "min_support": -1},
    )
    assert errors[0].endswith("empty holds no rows; give the test part of the split some")
    assert "holds no .parquet file" in errors[1]
    assert "test holds part-00000-00000.parquet; it must hold model.tar.gz or" in errors[2]
    assert errors[3].endswith("argument --floor: 'high' given; allowed: finite numbers")
    assert errors[4].endswith("argument --confidence: '90' given; allowed: numbers from 0 to 1")
    assert errors[5].endswith("argument --min-support: '-1' given; allowed: whole numbers from 0")
