"""`millrace batch` without an AWS: which model and file, what the run is called, and the results as one file."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from botocore.response import StreamingBody
from start_batch.inputs import input_of
from start_batch.settings import Model as BatchModel

from millrace.cli import batch, executions, scored
from millrace.cli.system import Model, System
from millrace.errors import MillraceError


def deployed(*names: str) -> System:
    return System("dev", "millrace-dev-start-pipeline", "raw", {name: Model(("a",)) for name in names})


def test_the_only_model_needs_no_name_and_several_do() -> None:
    assert batch.choose(deployed("one"), None) == "one"
    assert batch.choose(deployed("one", "two"), "two") == "two"
    with pytest.raises(MillraceError, match="choose one with --model"):
        batch.choose(deployed("one", "two"), None)
    with pytest.raises(MillraceError, match="no model 'three'"):
        batch.choose(deployed("one", "two"), "three")


@pytest.mark.parametrize(("name", "good"), [("a.csv", 1), ("a.JSONL", 1), ("a.xlsx", 0), ("_a.csv", 0)])
def test_only_files_that_the_trigger_takes_are_uploaded(tmp_path: Path, name: str, good: int) -> None:
    file = tmp_path / name
    file.write_text("x")
    if good:
        batch.check_suffix(file, deployed("one"), "one")
    else:
        with pytest.raises(MillraceError):
            batch.check_suffix(file, deployed("one"), "one")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    with pytest.raises(MillraceError, match="is empty"):
        batch.check_suffix(tmp_path / "a.csv", deployed("one"), "one")


def test_results_lie_beside_the_file_unless_a_place_is_given(tmp_path: Path) -> None:
    assert batch.result_file(tmp_path / "a.csv", None) == tmp_path / "a.scored.csv"
    assert batch.result_file(tmp_path / "a.jsonl", None) == tmp_path / "a.scored.jsonl"
    assert batch.result_file(tmp_path / "a.csv", tmp_path / "b.jsonl") == tmp_path / "b.jsonl"
    with pytest.raises(MillraceError, match=r"\.csv or \.jsonl"):
        batch.result_file(tmp_path / "a.csv", tmp_path / "b.xlsx")
    with pytest.raises(MillraceError, match="no folder"):
        batch.result_file(tmp_path / "a.csv", tmp_path / "none" / "b.csv")


def test_the_run_is_looked_for_under_the_name_that_the_function_gives_it() -> None:
    key = "batch/one/보험 a+b.csv"
    made = input_of(BatchModel("one", "one-batch", (".csv",)), bucket="raw", key=key, version_id="v1")
    assert made is not None
    assert batch.Upload("one", "raw", key, "v1").id == made.id


@pytest.mark.parametrize("other", ["one-batch", "one-deploy"])
def test_the_newest_run_is_one_that_trains_unless_the_newest_of_all_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    def run(pipeline: str) -> executions.Run:
        arn = f"arn:aws:sagemaker:x:1:pipeline/{pipeline}/execution/{pipeline}"
        return executions.Run(arn, "Succeeded", datetime.now(UTC), None, "")

    known = [run(other), run("one")]
    monkeypatch.setattr(executions, "recent", lambda *_, **__: known)
    connection: Any = None
    assert executions.find(connection, None).model == "one"
    assert executions.find(connection, "latest").model == other
    assert executions.find(connection, "latest", trains=True).model == "one"
    known.pop()
    assert executions.find(connection, None).model == other


class Results:
    """S3 as far as a download uses it, with the objects of one folder."""

    def __init__(self, *bodies: str) -> None:
        self.bodies = {f"batch/one/outputs/x/part-{number:05}.jsonl.out": body for number, body in enumerate(bodies)}

    def client(self, service: str) -> Results:
        assert service == "s3"
        return self

    def get_paginator(self, name: str) -> Results:
        assert name == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> list[dict[str, Any]]:
        assert (Bucket, Prefix) == ("artifacts", "batch/one/outputs/x/")
        return [{"Contents": [{"Key": key} for key in self.bodies]}]

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        body = self.bodies[Key].encode()
        return {"Body": StreamingBody(BytesIO(body), len(body))}


def line(row: int, answer: Any, key: str = "") -> str:
    return json.dumps({"row": row, "key": key, "SageMakerOutput": answer}, ensure_ascii=False) + "\n"


def download(target: Path, *bodies: str) -> int:
    connection: Any = Results(*bodies)
    return scored.download(connection, "s3://artifacts/batch/one/outputs/x", target)


def test_all_parts_become_one_csv_file_in_the_order_of_the_rows(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    first = line(1, {"score": 0.0123456789, "decision": 0}, "P,1") + line(2, {"score": 1e-07, "decision": 1})
    assert download(target, first, line(4, {"score": 0.5, "decision": 1})) == 3
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"row": "1", "key": "P,1", "score": "0.0123456789", "decision": "0"}
    assert [row["row"] for row in rows] == ["1", "2", "4"]
    assert float(rows[1]["score"]) == 1e-07


def test_json_lines_hold_the_same_and_other_answers_too(tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    body = line(1, {"class": "보험", "scores": {"a": 0.25, "b": 0.75}}, "x\u2028y") + line(2, 9.5)
    assert download(target, body) == 2
    one, two = map(json.loads, target.read_text("utf-8").split("\n")[:-1])
    assert one == {"row": 1, "key": "x\u2028y", "class": "보험", "scores.a": 0.25, "scores.b": 0.75}
    assert two == {"row": 2, "key": "", "prediction": 9.5}


def test_the_quarantine_is_told_by_its_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    report = {
        "rows_read": 100,
        "bad_rows": 3,
        "counts": {"quotes": 1, "not-numeric": 2},
        "first": {"quotes": "00000.csv row 9: a quote is open", "not-numeric": "00000.csv row 2: 'old'"},
        "files": [],
        "unused_columns": ["agent"],
    }
    batch.tell_quarantine(scored.Outcome(quarantine="s3://artifacts/batch/one/quarantine/x", report=report))
    told = capsys.readouterr().out
    assert "3 rows of 100 in quarantine" in told
    assert told.index("2 not-numeric") < told.index("1 quotes")
    assert "s3://artifacts/batch/one/quarantine/x/rows.csv" in told
    assert "agent" in told


def test_nothing_is_said_of_a_run_without_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    batch.tell_quarantine(scored.Outcome())
    assert capsys.readouterr().out == ""
