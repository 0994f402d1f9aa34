"""Prepare's lines through the model's own server, as a transform job would: the answers are the endpoint's."""

from __future__ import annotations

import csv
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.step_runs import CODE, IMAGE_PYTHON, finished_run, pack_model, passed, step

ROWS = 40
SERVE = """
import json, sys
sys.path[:0] = [sys.argv[1] + "/code"]
import inference
model = inference.model_fn(sys.argv[1])
for body, kind in json.load(sys.stdin):
    answer = inference.transform_fn(model, body, kind, kind)
    print(json.dumps([answer.status, answer.response]))
"""


def answered(model: Path, *requests: tuple[str, str]) -> list[str]:
    """What the model's server says to each body."""
    result = subprocess.run(
        [str(IMAGE_PYTHON), "-c", SERVE, str(model)], input=json.dumps(requests),
        env={}, cwd=tempfile.gettempdir(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [status for status, _ in found] == [200] * len(requests), found
    return [response for _, response in found]


def raw_rows(parts: Path, names: list[str]) -> list[dict[str, Any]]:
    files = sorted((parts / "test").glob("*.parquet"))
    rows = pq.read_table(files[0]).slice(0, ROWS).to_pylist()
    return [{name: row[name] for name in names} for row in rows]


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_rows_of_a_file_get_the_answers_that_the_endpoint_gives(problem: str, ending: str, tmp_path: Path) -> None:
    run = finished_run(problem)
    names = [column["name"] for column in json.loads((run.model / "features.json").read_text("utf-8"))["columns"]]
    rows, file = raw_rows(run.parts, names), tmp_path / "data" / f"00000.{ending}"
    file.parent.mkdir()
    with file.open("w", encoding="utf-8", newline="") as out:
        if ending == "csv":
            writer = csv.DictWriter(out, fieldnames=names)
            writer.writeheader()
            writer.writerows(rows)
        else:
            out.writelines(json.dumps(row) + "\n" for row in rows)

    archive = pack_model(run.model, tmp_path / "packed" / "model.tar.gz")
    passed(
        step(
            *(CODE, "prepare-batch", "--data", file.parent, "--model", archive.parent),
            *("--output", tmp_path / "output", "--spec", run.folder / "model_spec.json"),
        )
    )

    lines = (tmp_path / "output" / "rows" / "part-00000.jsonl").read_text("utf-8").split("\n")[:-1]
    filtered = "".join(json.dumps(json.loads(line)["features"], ensure_ascii=False) + "\n" for line in lines)
    scored, endpoint = answered(run.model, (filtered, "application/jsonlines"), (json.dumps(rows), "application/json"))
    assert [json.loads(line) for line in scored.splitlines()] == json.loads(endpoint)["predictions"]
    assert [json.loads(line)["row"] for line in lines] == list(range(1, ROWS + 1))
