"""The inference code as it travels in the model, in the image's environment."""

from __future__ import annotations

import csv
import json
import subprocess
import tempfile
from typing import Any

import pytest

from tests.step_runs import IMAGE_PYTHON, Run, finished_run

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
Answer = tuple[int, str, dict[str, str], str]


@pytest.fixture(scope="module")
def run() -> Run:
    return finished_run()


@pytest.fixture(scope="module")
def rows(run: Run) -> list[dict[str, str]]:
    with (run.parts / "test" / "test.csv").open(newline="") as file:
        return list(csv.DictReader(file))[:20]


@pytest.fixture(scope="module")
def answers(run: Run, rows: list[dict[str, str]]) -> dict[str, Answer]:
    names = [column["name"] for column in json.loads((run.model / "features.json").read_text())["columns"]]
    features = [{name: row[name] for name in names} for row in rows]
    lines = [",".join(row.values()) for row in features]
    wanted = {
        "json": (json.dumps(features), "application/json", None),
        "one row": (json.dumps(features[0]), "application/json", None),
        "raw rows with key and label": (json.dumps(rows), "application/json", None),
        "csv with header": ("\n".join([",".join(names), *lines]), "text/csv", "application/json"),
        "csv": ("\n".join(lines), "text/csv", "application/json"),
        "csv to csv": ("\n".join(lines), "text/csv", "text/csv"),
        "all missing": (json.dumps(dict.fromkeys(names)), "application/json", None),
        "unknown category": (json.dumps({**features[0], "incident_type": "Flood"}), "application/json", None),
        "no number": (json.dumps([features[0], {**features[1], "num_injuries": "two"}]), "application/json", None),
        "too large": (json.dumps({**features[0], "num_injuries": 1e300}), "application/json", None),
        "no column": (json.dumps({"num_injuries": 1}), "application/json", None),
        "image": ("", "image/png", None),
        "to image": (json.dumps(features), "application/json", "image/png"),
        "json again": (json.dumps(features), "application/json", None),
    }
    result = subprocess.run(
        [str(IMAGE_PYTHON), "-c", SERVE, str(run.model)], input=json.dumps(list(wanted.values())),
        env={}, cwd=tempfile.gettempdir(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return dict(zip(wanted, (tuple(json.loads(line)) for line in result.stdout.splitlines()), strict=True))


def predictions(answer: Answer) -> list[dict[str, Any]]:
    assert answer[0] == 200, answer[3]
    found: list[dict[str, Any]] = json.loads(answer[3])["predictions"]
    return found


def test_every_row_gets_a_score_and_the_decision_of_the_shipped_threshold(run: Run, answers: dict[str, Answer]) -> None:
    threshold = json.loads((run.model / "decision.json").read_text())["threshold"]
    found = predictions(answers["json"])
    assert len(found) == 20
    assert {prediction["decision"] for prediction in found} == {0, 1}
    for prediction in found:
        assert 0 < prediction["score"] < 1
        assert prediction["decision"] == int(prediction["score"] >= threshold)


@pytest.mark.parametrize("form", ["raw rows with key and label", "csv with header", "csv", "json again"])
def test_every_form_of_the_same_rows_gives_the_same_answer(answers: dict[str, Answer], form: str) -> None:
    assert answers[form] == answers["json"]


def test_one_row_is_a_list_of_one(answers: dict[str, Answer]) -> None:
    assert predictions(answers["one row"]) == predictions(answers["json"])[:1]


def test_the_answer_is_csv_on_request(answers: dict[str, Answer]) -> None:
    status, _, headers, body = answers["csv to csv"]
    assert (status, headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert body.splitlines() == [f"{p['score']},{p['decision']}" for p in predictions(answers["json"])]


@pytest.mark.parametrize("form", ["all missing", "unknown category"])
def test_missing_values_and_unknown_categories_are_scored(answers: dict[str, Answer], form: str) -> None:
    assert len(predictions(answers[form])) == 1


@pytest.mark.parametrize(
    ("form", "status", "column", "row", "message"),
    [
        ("no number", 400, "num_injuries", 2, "'two' is no number"),
        ("too large", 400, "num_injuries", 1, "'1e+300' is no number"),
        ("no column", 400, "incident_type", 1, "column 'incident_type' is missing"),
        ("image", 415, None, None, "content type 'image/png' given"),
        ("to image", 406, None, None, "accept 'image/png' given"),
    ],
)
def test_a_bad_request_has_a_status_of_its_own_and_names_the_column(
    answers: dict[str, Answer], form: str, status: int, column: str | None, row: int | None, message: str
) -> None:
    found = answers[form]
    assert found[0] == status
    assert found[1].startswith(f"{status} ")
    assert found[2]["Content-Type"] == "application/json"
    error = json.loads(found[3])["error"]
    assert (error["column"], error["row"]) == (column, row)
    assert message in error["message"]
