"""The Train step as a process of the image's environment."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.step_runs import (
    ABALONE,
    CODE,
    HYPERPARAMETERS,
    SPECS,
    Run,
    errors_of,
    finished_run,
    pack_model,
    passed,
    step,
    train_arguments,
    write_spec,
)

METRICS = {"binary": "auc", "multiclass": "mlogloss", "regression": "rmse"}
INFERENCE_CODE = (
    "answers",
    "explain",
    "features",
    "golden",
    "inference",
    "media",
    "model_check",
    "payload",
    "predictor",
    "quick",
    "quick_csv",
    "threshold",
)
OBJECTIVES = {"binary": "binary:logistic", "multiclass": "multi:softprob", "regression": "reg:squarederror"}


@pytest.fixture(scope="module")
def run() -> Run:
    return finished_run()


def train(run: Run, model: Path, *arguments: object) -> str:
    folders = [f"--{name}={run.parts / name}" for name in ("train", "validation", "features")]
    return passed(step(CODE / "train.py", *folders, "--model-dir", model, *arguments))


def learner(model: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((model / "model.json").read_text())["learner"]
    return found


@pytest.mark.parametrize("problem", SPECS)
def test_the_model_folder_holds_all_that_evaluation_and_inference_need(problem: str) -> None:
    model = finished_run(problem).model
    names = {str(path.relative_to(model)) for path in model.rglob("*.*") if path.suffix in (".json", ".py")}
    assert names == {
        "model.json", "features.json", "decision.json", "profile.json", "digests.json",
        "golden.json", *(f"code/{name}.py" for name in INFERENCE_CODE),
    }  # fmt: skip


@pytest.mark.parametrize("problem", SPECS)
def test_objective_and_classes_follow_from_the_problem(problem: str) -> None:
    found = learner(finished_run(problem).model)
    assert found["objective"]["name"] == OBJECTIVES[problem]
    classes = "3" if problem == "multiclass" else "0"
    assert found["learner_model_param"]["num_class"] == classes


def test_the_model_carries_the_hyperparameters_that_it_was_trained_with(run: Run) -> None:
    told = learner(run.model)["attributes"]["hyperparameters"]
    assert json.loads(told)["num_round"] == HYPERPARAMETERS["binary"]["num_round"]


def test_the_inference_code_needs_nothing_but_what_travels_with_it(run: Run) -> None:
    program = "import sys; sys.path[:0] = [sys.argv[1]]; import inference; print(inference.__file__)"
    assert passed(step("-c", program, run.model / "code")).strip() == str(run.model / "code" / "inference.py")


@pytest.mark.parametrize("problem", SPECS)
def test_the_validation_metric_is_printed_every_few_rounds(problem: str) -> None:
    found = re.findall(rf"^\[(\d+)\]\tvalidation-{METRICS[problem]}:[0-9.]+$", finished_run(problem).train_log, re.M)
    assert [int(number) for number in found][:2] == [0, 20]


@pytest.mark.parametrize("problem", SPECS)
def test_the_last_metrics_are_those_of_the_model_that_is_kept_on_both_parts(problem: str) -> None:
    run, metric = finished_run(problem), METRICS[problem]
    [(best, on_train, on_validation)] = re.findall(
        rf"^\[(\d+)\]\ttrain-{metric}:([0-9.]+)\tvalidation-{metric}:([0-9.]+)$", run.train_log, re.M
    )
    trees = learner(run.model)["gradient_booster"]["model"]["trees"]
    assert len(trees) == (int(best) + 1) * (3 if problem == "multiclass" else 1)
    better = float(on_train) > float(on_validation)
    assert better == (problem == "binary"), "a model does better on the rows that it has learnt from"
    decision = json.loads((run.model / "decision.json").read_text())
    assert decision["validation_metric"] == metric
    assert decision["validation_value"] == pytest.approx(float(on_validation), rel=1e-5)


@pytest.mark.parametrize("problem", SPECS)
def test_the_same_parts_give_the_same_bytes(problem: str, tmp_path: Path) -> None:
    run = finished_run(problem)
    train(run, tmp_path, *train_arguments(problem))
    for name in ("model.json", "features.json", "decision.json", "profile.json", "golden.json", "digests.json"):
        assert (tmp_path / name).read_bytes() == (run.model / name).read_bytes(), name


def test_the_threshold_was_chosen_from_the_costs_on_the_validation_rows(run: Run) -> None:
    decision = json.loads((run.model / "decision.json").read_text())
    assert decision["problem"] == "binary"
    assert 0 < decision["threshold"] < 1
    assert (decision["false_negative_cost"], decision["false_positive_cost"]) == (20, 1)
    assert f"validation: {decision['validation_rows']} rows" in run.preprocess_log
    assert f"{decision['validation_positives']} of class 1" in run.preprocess_log
    assert 0 < decision["validation_cost"] <= 20 * decision["validation_positives"]


@pytest.mark.parametrize("problem", ["multiclass", "regression"])
def test_other_problems_have_no_threshold_and_no_costs(problem: str) -> None:
    run = finished_run(problem)
    decision = json.loads((run.model / "decision.json").read_text())
    assert decision["problem"] == problem
    assert f"validation: {decision['validation_rows']} rows" in run.preprocess_log
    for name in ("threshold", "false_negative_cost", "false_positive_cost", "validation_cost", "validation_positives"):
        assert decision[name] is None, name


@pytest.mark.parametrize(("problem", "floor"), [("binary", 0.6), ("multiclass", 0.8), ("regression", 3.0)])
def test_evaluate_takes_the_model_as_train_leaves_it(problem: str, floor: float, tmp_path: Path) -> None:
    run = finished_run(problem)
    archive = pack_model(run.model, tmp_path / "model" / "model.tar.gz")
    (tmp_path / "champion").mkdir()
    (tmp_path / "champion" / "no-champion.json").write_text("{}")
    log = passed(
        step(
            CODE / "evaluate.py", "--model", archive.parent, "--champion", tmp_path / "champion",
            "--test", run.parts / "test", "--output", tmp_path / "evaluation", "--floor", floor,
        )
    )  # fmt: skip
    assert log.startswith("First model: ")


def test_the_profile_is_that_of_the_validation_rows(run: Run) -> None:
    profile = json.loads((run.model / "profile.json").read_text())
    assert profile["rows"] == json.loads((run.model / "decision.json").read_text())["validation_rows"]
    assert "vehicle_claim" in {column["name"] for column in profile["columns"]}


def test_names_and_classes_that_are_not_ascii_stay_as_they_are() -> None:
    text = (finished_run("multiclass").model / "features.json").read_text(encoding="utf-8")
    assert "부리 길이" in text
    assert json.loads(text)["classes"] == ["젠투", "아델리", "턱끈"]


def test_a_wrong_hyperparameter_is_named_with_what_is_allowed(run: Run) -> None:
    wrong = [
        ["--eta", "7"],
        ["--max_depth", "deep"],
        ["--max_depth", "2.5"],
        ["--reg_lambda", "-1"],
        ["--depth", "3"],
        ["--num_round", "1", "--false_positive_cost", "0"],
    ]
    assert errors(run, wrong) == [
        "train: error: argument --eta: '7' given; allowed: numbers above 0 up to 1",
        "train: error: argument --max_depth: 'deep' given; allowed: whole numbers from 1 to 16",
        "train: error: argument --max_depth: '2.5' given; allowed: whole numbers from 1 to 16",
        "train: error: argument --reg_lambda/--lambda: '-1' given; allowed: numbers from 0",
        "train: error: unrecognized arguments: --depth 3",
        "ValueError: false_positive_cost is 0; it must be a number above 0",
    ]


def test_what_only_binary_models_have_is_refused_for_the_others() -> None:
    found = errors(finished_run("regression"), [["--false_negative_cost", "20"], ["--scale_pos_weight", "3"]])
    assert found == [
        "ValueError: false_negative_cost and false_positive_cost are for binary models, this one is regression",
        "ValueError: scale_pos_weight is 3; a regression model has no positives, so leave it at 1",
    ]


def test_what_each_instance_of_preprocess_could_not_see_is_checked_on_all_their_rows(run: Run, tmp_path: Path) -> None:
    [path] = (run.parts / "features").iterdir()
    fit = json.loads(path.read_text())
    whole, half = sum(fit["rows"].values()), {part: count // 2 for part, count in fit["rows"].items()}
    few = {"rows": half, "min_rows": whole + 1}
    nothing = {**few, "min_rows": 50, "rows": {**half, "test": 0}}
    one_class = {"labels": {**fit["labels"], "validation": {"0": 427, "1": 0}}}
    lonely = {"numeric": [], "order": ["incident_type"], "categories": {"incident_type": {}}}
    calls = []
    for number, changes in enumerate((few, nothing, one_class, lonely)):
        folder = tmp_path / str(number)
        folder.mkdir()
        for host in range(2):
            (folder / f"fit-{host:05}.json").write_text(json.dumps({**fit, **changes}))
        calls.append(["--features", str(folder)])
    found = errors(run, calls)
    assert found[0].endswith(f"good rows are left, fewer than min_rows = {whole + 1}; add rows or correct them")
    assert found[1].startswith("no row fell into the part test (train ")
    assert found[2].startswith("column 'fraud': class 1 has ")
    assert "validation 0, test " in found[2]
    assert found[3] == "no feature has a value in the part train; all rows lack incident_type"


def test_labels_too_large_to_be_squared_end_with_a_sentence(tmp_path: Path) -> None:
    data = tmp_path / "data" / "abalone"
    data.mkdir(parents=True)
    (data / "a.csv").write_text("".join(f"M,{n},1,1,1,1,1,1,{n % 7}e37\n" for n in range(200)))
    spec = write_spec(tmp_path, **{**ABALONE, "join_key": ""})
    passed(step(CODE / "preprocess.py", "--data", data.parent, "--output", tmp_path / "parts", "--spec", spec))
    channels = [f"--{name}={tmp_path / 'parts' / name}" for name in ("train", "validation", "features")]
    [found] = errors_of([("train", [*channels, "--model-dir", str(tmp_path / "model")])])
    assert found.startswith("column 'rings': rmse on the validation part is inf: 32-bit floats")
    assert not (tmp_path / "model").exists()


def trained_on(tmp_path: Path, unit: float) -> tuple[list[str], str]:
    """The splits of a model of made-up numbers in this unit, and what its training printed."""
    data = tmp_path / f"{unit}" / "data" / "abalone"
    data.mkdir(parents=True)
    rows = [f"M,{n % 11},{n % 7},{n},1,1,1,1,{(3 * (n % 11) + n % 7 + 30) / 8 * unit!r}\n" for n in range(300)]
    (data / "a.csv").write_text("".join(rows))
    keyed = {"join_key": "height", "numeric": ["length", "diameter"]}  # without it the label decides on the parts too
    spec = write_spec(tmp_path, **{**ABALONE, **keyed})
    parts, model = data.parent.parent / "parts", data.parent.parent / "model"
    passed(step(CODE / "preprocess.py", "--data", data.parent, "--output", parts, "--spec", spec))
    channels = [f"--{name}={parts / name}" for name in ("train", "validation", "features")]
    printed = passed(step(CODE / "train.py", *channels, "--model-dir", model, "--num_round", 30))
    trees = learner(model)["gradient_booster"]["model"]["trees"]
    return [str(tree["split_indices"]) for tree in trees], printed


def test_the_unit_of_the_label_makes_no_difference_to_what_is_learned(tmp_path: Path) -> None:
    splits, printed = trained_on(tmp_path, 1.0)
    tiny, printed_tiny = trained_on(tmp_path, 2.0**-36)

    assert tiny == splits
    error, error_tiny = (float(printing.rpartition("validation-rmse:")[2]) for printing in (printed, printed_tiny))
    assert error_tiny == pytest.approx(error * 2.0**-36, rel=1e-4)


def test_labels_too_close_together_to_be_squared_end_with_a_sentence(tmp_path: Path) -> None:
    data = tmp_path / "data" / "abalone"
    data.mkdir(parents=True)
    (data / "a.csv").write_text("".join(f"M,{n},1,1,1,1,1,1,{n % 7}e-20\n" for n in range(200)))
    spec = write_spec(tmp_path, **{**ABALONE, "join_key": ""})
    passed(step(CODE / "preprocess.py", "--data", data.parent, "--output", tmp_path / "parts", "--spec", spec))
    channels = [f"--{name}={tmp_path / 'parts' / name}" for name in ("train", "validation", "features")]
    [found] = errors_of([("train", [*channels, "--model-dir", str(tmp_path / "model")])])
    assert found.startswith("column 'rings': the numbers of the validation part differ by 2.2e-20 only ")


def test_a_folder_without_parts_ends_with_a_sentence(run: Run, tmp_path: Path) -> None:
    assert errors(run, [["--train", str(tmp_path)]]) == [
        f"{tmp_path} holds no .parquet file; it must come from the Preprocess step"
    ]


def errors(run: Run, calls: list[list[str]]) -> list[str]:
    channels = [f"--{name}={run.parts / name}" for name in ("train", "validation", "features")]
    return errors_of([("train", [*channels, "--model-dir", "/nowhere", *arguments]) for arguments in calls])
