"""The inference code as it travels in the model, in the image's environment."""

from __future__ import annotations

import csv
import functools
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.step_runs import CODE, IMAGE_PYTHON, SPECS, csv_lines, feature_names, finished_run, passed, raw_rows, step

SERVE = """
import json, sys
sys.path[:0] = [sys.argv[1] + "/code"]
import inference
model = inference.model_fn(sys.argv[1])
for body, kind, accept in json.load(sys.stdin):
    answer = inference.transform_fn(model, body, kind, accept)
    head = []
    sent = b"".join(answer({}, lambda status, headers: head.extend([status, dict(headers)])))
    assert sent.decode() == answer.response
    print(json.dumps([answer.status, *head, answer.response]))
"""
LOAD = "import sys; sys.path[:0] = [sys.argv[1] + '/code']; import inference; inference.model_fn(sys.argv[1])"
SIGN = """
import sys; sys.path[:0] = [sys.argv[1]]
from pathlib import Path
import model_check
folder = Path(sys.argv[2])
(folder / "digests.json").write_text(model_check.digests_of(folder))
"""
Answer = tuple[int, str, dict[str, str], str]
ROWS = 20
CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"
SAME = ("raw rows with key and label", "instances", "csv with header", "csv", "lines to json", "json again")


@functools.cache
def answers(problem: str) -> dict[str, Answer]:
    """What the model of a problem answers to each of `requests`."""
    run = finished_run(problem)
    wanted = requests(raw_rows(run, ROWS), feature_names(run), problem)
    result = subprocess.run(
        [str(IMAGE_PYTHON), "-c", SERVE, str(run.model)], input=json.dumps(list(wanted.values())),
        env={}, cwd=tempfile.gettempdir(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return dict(zip(wanted, (tuple(json.loads(line)) for line in result.stdout.splitlines()), strict=True))


def requests(rows: list[dict[str, Any]], names: list[str], problem: str) -> dict[str, tuple[str, str, str | None]]:
    features = [{name: row[name] for name in names} for row in rows]
    raw = rows if problem == "binary" else features  # the label of a regression is a number in the part
    table, every = "\n".join(csv_lines(rows, names)), json.dumps(features)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in features)
    number, text = SPECS[problem]["numeric"][0], SPECS[problem]["categorical"][0]
    return {
        "json": (every, JSON, None),
        "one row": (json.dumps(features[0]), JSON, None),
        "raw rows with key and label": (json.dumps(raw), JSON, None),
        "instances": (json.dumps({"instances": features}), JSON, "*/*"),
        "csv with header": (f"{','.join(names)}\n{table}", CSV, JSON),
        "csv": (table, CSV, JSON),
        "csv to csv": (table, CSV, CSV),
        "lines": (lines, LINES, None),
        "lines to json": (lines, LINES, JSON),
        "csv to lines": (table, CSV, LINES),
        **{f"row {place}": (json.dumps(row), JSON, None) for place, row in enumerate(features)},
        "all missing": (json.dumps(dict.fromkeys(names)), JSON, None),
        "unknown category": (json.dumps({**features[0], text: "홍수"}), JSON, None),
        "no number": (json.dumps([features[0], {**features[1], number: "two"}]), JSON, None),
        "no number in a line": (
            f"{json.dumps(features[0])}\n{json.dumps({**features[1], number: 'two'})}",
            LINES,
            None,
        ),
        "too large": (json.dumps({**features[0], number: 1e300}), JSON, None),
        "no column": (json.dumps({number: 1}), JSON, None),
        "image": ("", "image/png", None),
        "to image": (every, JSON, "image/png"),
        "json again": (every, JSON, None),
    }


def predictions(answer: Answer) -> list[dict[str, Any]]:
    assert answer[0] == 200, answer[3]
    found: list[dict[str, Any]] = json.loads(answer[3])["predictions"]
    return found


def decision(problem: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((finished_run(problem).model / "decision.json").read_text())
    return found


def test_every_row_gets_a_score_and_the_decision_of_the_shipped_threshold() -> None:
    threshold = decision("binary")["threshold"]
    found = predictions(answers("binary")["json"])
    assert len(found) == ROWS
    assert {prediction["decision"] for prediction in found} == {0, 1}
    for prediction in found:
        assert list(prediction) == ["score", "decision"]
        assert 0 < prediction["score"] < 1
        assert prediction["decision"] == int(prediction["score"] >= threshold)


def test_of_several_classes_each_has_a_score_and_the_highest_is_decided() -> None:
    found = predictions(answers("multiclass")["json"])
    assert len(found) == ROWS
    for prediction in found:
        assert list(prediction["scores"]) == ["젠투", "아델리", "턱끈"]
        assert sum(prediction["scores"].values()) == pytest.approx(1, abs=1e-5)
        assert prediction["decision"] == max(prediction["scores"], key=prediction["scores"].__getitem__)
    truth = [row["종"] for row in raw_rows(finished_run("multiclass"), ROWS)]
    assert sum(p["decision"] == true for p, true in zip(found, truth, strict=True)) >= ROWS - 3


def test_a_regression_predicts_a_number() -> None:
    found = predictions(answers("regression")["json"])
    truth = [row["rings"] for row in raw_rows(finished_run("regression"), ROWS)]
    assert all(list(prediction) == ["prediction"] for prediction in found)
    errors = [abs(p["prediction"] - true) for p, true in zip(found, truth, strict=True)]
    assert sum(errors) / ROWS < 3


def test_names_that_are_not_ascii_are_answered_as_they_are() -> None:
    assert "젠투" in answers("multiclass")["json"][3]


@pytest.mark.parametrize("problem", SPECS)
@pytest.mark.parametrize("form", SAME)
def test_every_form_of_the_same_rows_gives_the_same_answer(problem: str, form: str) -> None:
    assert answers(problem)[form] == answers(problem)["json"]


@pytest.mark.parametrize("problem", SPECS)
def test_a_row_alone_gets_the_same_numbers_as_among_others(problem: str) -> None:
    alone = [predictions(answers(problem)[f"row {place}"])[0] for place in range(ROWS)]
    assert alone == predictions(answers(problem)["json"])
    assert predictions(answers(problem)["one row"]) == alone[:1]


@pytest.mark.parametrize("problem", SPECS)
@pytest.mark.parametrize("form", ["lines", "csv to lines"])
def test_json_lines_hold_one_answer_each(problem: str, form: str) -> None:
    status, _, headers, body = answers(problem)[form]
    assert (status, headers["Content-Type"]) == (200, LINES)
    assert body.endswith("\n")
    assert [json.loads(line) for line in body.splitlines()] == predictions(answers(problem)["json"])


def flat(prediction: dict[str, Any]) -> list[Any]:
    values = list(prediction.values())
    return [*values[0].values(), values[1]] if isinstance(values[0], dict) else values


@pytest.mark.parametrize("problem", SPECS)
def test_the_answer_is_csv_on_request(problem: str) -> None:
    status, _, headers, body = answers(problem)["csv to csv"]
    assert (status, headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    expected = [[str(value) for value in flat(p)] for p in predictions(answers(problem)["json"])]
    assert list(csv.reader(body.splitlines())) == expected


@pytest.mark.parametrize("problem", SPECS)
@pytest.mark.parametrize("form", ["all missing", "unknown category"])
def test_missing_values_and_unknown_categories_are_scored(problem: str, form: str) -> None:
    assert len(predictions(answers(problem)[form])) == 1


@pytest.mark.parametrize(
    ("form", "status", "column", "row", "message"),
    [
        ("no number", 400, "num_injuries", 2, "'two' is no number"),
        ("no number in a line", 400, "num_injuries", 2, "'two' is no number"),
        ("too large", 400, "num_injuries", 1, "'1e+300' is no number"),
        ("no column", 400, "incident_type", 1, "column 'incident_type' is missing"),
        ("image", 415, None, None, "content type 'image/png' given"),
        ("to image", 406, None, None, "accept 'image/png' given"),
    ],
)
def test_a_bad_request_has_a_status_of_its_own_and_names_the_column(
    form: str, status: int, column: str | None, row: int | None, message: str
) -> None:
    found = answers("binary")[form]
    assert found[0] == status
    assert found[1].startswith(f"{status} ")
    assert found[2]["Content-Type"] == "application/json"
    error = json.loads(found[3])["error"]
    assert (error["column"], error["row"]) == (column, row)
    assert message in error["message"]


def test_an_error_names_a_column_that_is_not_ascii() -> None:
    error = json.loads(answers("multiclass")["no number"][3])["error"]
    assert error["column"] == "부리 길이"


@pytest.mark.parametrize(
    ("file", "sentence"),
    [("decision.json", "ValueError: decision.json is of a binary model, features.json of a regression one"),
     ("model.json", "ValueError: model.json takes")],
)  # fmt: skip
def test_a_model_made_of_two_is_refused_when_it_is_loaded(file: str, sentence: str, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(finished_run("regression").model, model)
    shutil.copyfile(finished_run("binary").model / file, model / file)
    result = step("-c", LOAD, model)
    assert result.returncode == 1
    assert f"ModelError: {file} is not the file that digests.json names: it was changed after" in result.stderr
    passed(step("-c", SIGN, CODE, model))
    assert sentence in step("-c", LOAD, model).stderr
