"""What analyze.py says of an endpoint's answers: the run's own figures and sections, and what was not answered."""

from __future__ import annotations

import functools
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate_lab import evaluate, verdict, world
from tests.step_runs import CODE, IMAGE_PYTHON

CASES = {"good": "test", "ages": "ages-test", "grades": "grades-test"}
FLOORS = {"good": 0.6, "ages": 3, "grades": 0.5}
ANSWER = """
import sys
sys.path[:0] = [sys.argv[1]]
from pathlib import Path
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
import parts
from model_archive import ModelArchive

archive, test, folder = map(Path, sys.argv[2:5])
model = ModelArchive.read(archive / "model.tar.gz")
transform = model.transform
found = model.predict(parts.read(test, {*transform.names, transform.label}))
raw = pq.read_table(test / "part-00000-00000.parquet")
rows = {name: pa.array(["" if v is None else str(v) for v in raw[name].to_pylist()]) for name in raw.column_names}
if transform.problem == "multiclass":
    answers = {f"answer, {name}": found[:, place] for place, name in enumerate(transform.classes)}
    decided = [transform.classes[place] for place in found.argmax(axis=1)]
elif transform.problem == "binary":
    answers, decided = {"answer, score": found}, [str(int(s >= model.decision.threshold)) for s in found]
else:
    answers, decided = {"answer, prediction": found}, None
shortest = {name: pa.array([float(str(np.float32(v))) for v in values]) for name, values in answers.items()}
labels = rows[transform.label].to_pylist()
for row, text in enumerate(sys.argv[5:]):
    labels[row] = text
rows[transform.label] = pa.array(labels)
folder.mkdir(parents=True)
more = {"answer, decision": pa.array(decided)} if decided else {}
pq.write_table(pa.table({**rows, **shortest, **more}), folder / "part-00000-00000.parquet")
"""
TOLD = {"p50": 2.0, "p90": 3.0, "p99": 9.0, "greatest": 9.5, "edges": [1.0, 3.0, 10.0], "counts": [3, 1]}
FACTS: dict[str, Any] = {
    "file": "march <b>.csv",
    "label": "y",
    "endpoint": "made-up",
    "version": "made-up/3",
    "versions": {},
    "read": 760,
    "answered": 750,
    "refused": 10,
    "refused_file": "refused.csv",
    "reasons": {"400 x: is no <number>": 10},
    "first_refused": [{"line": 7, "why": "x: 'a' is no number"}],
    "requests": 4,
    "connections": 2,
    "seconds": 1.5,
    "command": "millrace analyze march.csv",
    "latency": {"request": TOLD, "row": TOLD},
}


def run(program: list[str]) -> str:
    done = subprocess.run([str(IMAGE_PYTHON), *program], capture_output=True, text=True, timeout=120)
    return "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def analyzed(model: str, name: str, *labels: str) -> tuple[Path, str]:
    """An analysis in which the endpoint answers what the model says; the first rows get the labels given."""
    made, output = world(), world().folder / "analyses" / name
    answered = [
        "-c",
        ANSWER,
        str(CODE),
        str(made.folder / model),
        str(made.folder / CASES[model]),
        str(output / "rows"),
    ]
    assert not run([*answered, *labels])
    (output / "facts.json").write_text(json.dumps(FACTS))
    told = [str(CODE / "analyze.py"), "--model", str(made.folder / model / "model.tar.gz")]
    told += ["--rows", str(output / "rows"), "--facts", str(output / "facts.json"), "--output", str(output)]
    return output, run(told)


@functools.cache
def output_of(model: str) -> Path:
    output, error = analyzed(model, model)
    assert not error
    return output


@pytest.mark.parametrize("model", CASES)
def test_the_figures_are_those_that_evaluate_finds_on_the_same_rows(model: str) -> None:
    folder, output = world().folder, world().folder / "analyses" / f"{model}-run"
    given = {"model": folder / model, "champion": folder / "none", "test": folder / CASES[model]}
    assert evaluate({**given, "floor": FLOORS[model], "output": output}) == [""]

    told = json.loads((output_of(model) / "analysis.json").read_text())

    assert told["metrics"] == verdict(output)["metrics"]
    assert (told["unlabelled"], told["disagreeing"]) == (0, 0)


@pytest.mark.parametrize(
    ("model", "sections"),
    [
        ("good", ["Threshold and costs", "Curves", "Segments"]),
        ("ages", ["Curves", "Segments"]),
        ("grades", ["Which class is taken for which", "Class by class", "Curves", "Segments"]),
    ],
)
def test_the_page_holds_the_sections_of_the_run_and_the_latency(model: str, sections: list[str]) -> None:
    page = (output_of(model) / "report.html").read_text()
    for title in [*sections, "Data", "Metrics", "Latency", "Refused rows", "Drift"]:
        assert f"<h2>{title}</h2>" in page
    assert "march &lt;b&gt;.csv" in page
    assert "never seen" not in page, "nobody knows that of a file"
    assert "p99 9 ms" in page
    assert "400 x: is no &lt;number&gt;" in page
    assert "http" not in page.replace("http://www.w3.org", ""), "it stands alone"


def test_rows_without_a_label_are_counted_and_the_others_measured() -> None:
    output, error = analyzed("good", "unlabelled", "maybe", "", "2")
    assert not error
    told = json.loads((output / "analysis.json").read_text())
    assert (told["unlabelled"], told["rows"]) == (3, 747)
    assert "3 have no label the model knows" in (output / "report.html").read_text()


def test_a_file_without_any_label_is_refused_in_one_sentence() -> None:
    _, error = analyzed("good", "nothing", *["?"] * 750)
    assert error == "column 'y': no row has a label that the model knows; name its column with --label"
