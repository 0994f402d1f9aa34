"""What goes with a score: the model's version, and on request each column's contribution."""

from __future__ import annotations

import csv
import functools
import json
import math
import subprocess
import tempfile
from typing import Any

import pytest

from tests.step_runs import IMAGE_PYTHON, SPECS, csv_lines, feature_names, finished_run, raw_rows

SERVE = """
import json, sys
sys.path[:0] = [sys.argv[1] + "/code"]
import inference
model = inference.model_fn(sys.argv[1])
for body, kind, accept in json.load(sys.stdin):
    head = []
    answer = inference.transform_fn(model, body, kind, accept)
    sent = b"".join(answer({}, lambda status, headers: head.extend([status[:3], dict(headers)])))
    print(json.dumps([*head, sent.decode()]))
texts = json.loads(sys.argv[2])
matrix = model.transform.encode({name: [row[name] for row in texts] for name in model.transform.names})
print(json.dumps(model.booster.inplace_predict(matrix, predict_type="margin").tolist()))
"""
ROWS = 8
VERSION = "claims-fraud/3"
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"
Answer = tuple[str, dict[str, str], str]


def rows_of(problem: str) -> list[dict[str, Any]]:
    run = finished_run(problem)
    return [{name: row[name] for name in feature_names(run)} for row in raw_rows(run, ROWS)]


@functools.cache
def served(problem: str) -> tuple[dict[str, Answer], list[Any]]:
    """The answers by the request's name, and the margins of the rows."""
    rows, names = rows_of(problem), feature_names(finished_run(problem))
    body = json.dumps(rows)
    wanted: dict[str, tuple[str, str, str]] = {
        **{accept: (body, JSON, accept) for accept in (
            JSON, LINES, CSV, f"{JSON}; explain=true", f"{LINES};explain=true", f"{CSV}; explain=true",
            f"{JSON};explain=perhaps", "*/*;explain=true")},
        "too many": (json.dumps(rows * 200), JSON, f"{JSON};explain=true"),
        "bad": ("{", JSON, JSON),
        "bad type": (body, "image/png", JSON),
        "said header": (f"{','.join(names)}\n" + "\n".join(csv_lines(rows, names)), f"{CSV}; header=present", JSON),
        "said no header": (f"{','.join(names)}\n1", f"{CSV}; header=absent", JSON),
        "an odd header": ("1", f"{CSV}; header=maybe", JSON),
        "utf-16": (body, f"{JSON}; charset=UTF-16", JSON),
        "utf-8": (body, f'{JSON}; charset="UTF-8"; profile=x', JSON),
    }  # fmt: skip
    texts = [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]
    result = subprocess.run(
        [str(IMAGE_PYTHON), "-c", SERVE, str(finished_run(problem).model), json.dumps(texts)],
        input=json.dumps(list(wanted.values())), env={"MODEL_VERSION": VERSION},
        cwd=tempfile.gettempdir(), capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    *answers, margins = (json.loads(line) for line in result.stdout.splitlines())
    return {name: (status, head, sent) for name, (status, head, sent) in zip(wanted, answers, strict=True)}, margins


@pytest.mark.parametrize("problem", SPECS)
def test_every_answer_tells_the_version_of_the_model(problem: str) -> None:
    found, _ = served(problem)
    assert {head[ATTRIBUTES] for _, head, _ in found.values()} == {f"model_version={VERSION}"}
    assert json.loads(found[JSON][2])["model_version"] == VERSION
    lines = [json.loads(line) for line in found[LINES][2].splitlines()]
    assert [line.pop("model_version") for line in lines] == [VERSION] * ROWS
    assert lines == json.loads(found[JSON][2])["predictions"]
    assert VERSION not in found[CSV][2], "a CSV holds values only"


@pytest.mark.parametrize("problem", SPECS)
def test_an_explanation_adds_up_to_the_margin_of_the_row(problem: str) -> None:
    found, margins = served(problem)
    plain = json.loads(found[JSON][2])["predictions"]
    explained = json.loads(found[f"{JSON}; explain=true"][2])["predictions"]
    for row, margin, one in zip(plain, margins, explained, strict=True):
        reasons = one.pop("explanation")
        assert one == row, "the score stays what it is"
        each = list(reasons.values()) if problem == "multiclass" else [reasons]
        wanted = margin if problem == "multiclass" else [margin]
        for reason, value in zip(each, wanted, strict=True):
            assert list(reason["contributions"]) == feature_names(finished_run(problem))
            assert math.isclose(reason["bias"] + sum(reason["contributions"].values()), value, abs_tol=1e-4)
    if problem == "multiclass":
        assert list(explained[0]) == ["scores", "decision"]


def test_lines_and_csv_are_explained_too_and_each_column_has_its_place() -> None:
    found, _ = served("binary")
    explained = json.loads(found[f"{JSON}; explain=true"][2])["predictions"]
    lines = [json.loads(line) for line in found[f"{LINES};explain=true"][2].splitlines()]
    assert [{name: line[name] for name in explained[0]} for line in lines] == explained
    [first, *_] = csv.reader(found[f"{CSV}; explain=true"][2].splitlines())
    reason = explained[0]["explanation"]
    values = [explained[0]["score"], explained[0]["decision"], reason["bias"], *reason["contributions"].values()]
    assert first == [str(value) for value in values]
    assert found["*/*;explain=true"][2] == found[f"{JSON}; explain=true"][2]


def test_the_types_parameters_are_honoured() -> None:
    found, _ = served("binary")
    assert found["utf-8"][2] == found[JSON][2]
    assert found["said header"][2] == found[JSON][2]


@pytest.mark.parametrize(
    ("request_name", "status", "message"),
    [
        ("too many", "400", "1,600 rows given; with explain=true at most 1,000: send them in parts"),
        (f"{JSON};explain=perhaps", "406", "explain=perhaps given; allowed: true, false"),
        ("said no header", "400", "1 fields given, 11 needed"),
        ("an odd header", "415", "header=maybe given; allowed: present, absent"),
        ("utf-16", "415", "charset 'utf-16' given; allowed: utf-8"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(request_name: str, status: str, message: str) -> None:
    found = served("binary")[0][request_name]
    assert found[0] == status
    assert message in json.loads(found[2])["error"]["message"]
