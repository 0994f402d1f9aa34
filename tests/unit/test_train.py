"""The Train step as a process of the image's environment."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.step_runs import CODE, Run, errors_of, finished_run, passed, step

METRIC = re.compile(r"\[\d+\]\ttrain-auc:([0-9.]+)\tvalidation-auc:([0-9.]+)")


@pytest.fixture(scope="module")
def run() -> Run:
    return finished_run()


def test_the_model_folder_holds_the_model_the_transform_the_decision_and_the_inference_code(run: Run) -> None:
    names = {str(path.relative_to(run.model)) for path in run.model.rglob("*") if path.is_file()}
    assert {"model.json", "features.json", "decision.json", "code/inference.py", "code/features.py"} <= names
    assert (run.model / "features.json").read_bytes() == (run.parts / "features" / "features.json").read_bytes()


def test_the_inference_code_needs_nothing_but_what_travels_with_it(run: Run, tmp_path: Path) -> None:
    program = "import sys; sys.path[:0] = [sys.argv[1]]; import inference; print(inference.__file__)"
    assert passed(step("-c", program, run.model / "code")).strip() == str(run.model / "code" / "inference.py")


def test_both_aucs_are_printed_as_the_metric_definitions_expect_them(run: Run) -> None:
    found = METRIC.findall(run.train_log)
    assert len(found) >= 2
    assert all(0.5 < float(value) <= 1 for pair in found for value in pair)


def test_the_last_metrics_are_those_of_the_model_that_is_kept(run: Run) -> None:
    trees = json.loads((run.model / "model.json").read_text())["learner"]["gradient_booster"]["model"]["trees"]
    best = int(re.findall(r"^\[(\d+)\]", run.train_log, flags=re.MULTILINE)[-1])
    assert len(trees) == best + 1


def test_directories_may_come_from_arguments_and_the_same_rows_give_the_same_bytes(run: Run, tmp_path: Path) -> None:
    passed(
        step(
            CODE / "train.py", "--train", run.parts / "train", "--validation", run.parts / "validation",
            "--features", run.parts / "features", "--model-dir", tmp_path / "model",
            "--num_round", 120, "--false_negative_cost", 20,
        )
    )  # fmt: skip
    for name in ("model.json", "decision.json"):
        assert (tmp_path / "model" / name).read_bytes() == (run.model / name).read_bytes()


def test_the_threshold_was_chosen_from_the_costs_on_the_validation_rows(run: Run) -> None:
    decision = json.loads((run.model / "decision.json").read_text())
    assert 0 < decision["threshold"] < 1
    assert (decision["false_negative_cost"], decision["false_positive_cost"]) == (20, 1)
    assert decision["validation_rows"] == 450
    assert 0 < decision["validation_cost"] <= 20 * decision["validation_positives"]


def test_a_wrong_hyperparameter_is_named_with_what_is_allowed(run: Run) -> None:
    channels = [f"--{name}={run.parts / name}" for name in ("train", "validation", "features")]
    wrong = [
        ["--eta", "7"],
        ["--max_depth", "deep"],
        ["--depth", "3"],
        ["--num_round", "1", "--false_positive_cost", "0"],
    ]
    found = errors_of([("train", [*channels, "--model-dir", "/nowhere", *arguments]) for arguments in wrong])
    sentences = [
        "train: error: argument --eta: '7' given; allowed: numbers above 0 up to 1",
        "train: error: argument --max_depth: 'deep' given; allowed: whole numbers from 1 to 16",
        "train: error: unrecognized arguments: --depth 3",
        "ValueError: false_positive_cost is 0; it must be a number above 0",
    ]
    assert found == sentences
