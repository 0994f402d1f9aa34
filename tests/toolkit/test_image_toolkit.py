"""The image's own toolkit is the oracle: it trains with train.py and serves with inference.py, without Docker."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.step_runs import (
    CODE,
    HYPERPARAMETERS,
    IMAGE_PYTHON,
    SPECS,
    Run,
    csv_lines,
    feature_names,
    finished_run,
    raw_rows,
    step,
)
from tests.toolkit_lab import toolkit

CHANNELS = ("train", "validation", "features")
DIRECT = """
import json, sys
sys.path.insert(0, sys.argv[1] + "/code")
import inference
model = inference.model_fn(sys.argv[1])
for body, kind in json.load(open(sys.argv[2])):
    print(inference.transform_fn(model, body, kind, "application/json").response)
"""
Answers = list[dict[str, Any]]


@pytest.fixture(scope="module", params=SPECS)
def problem(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def run(problem: str) -> Run:
    return finished_run(problem)


@pytest.fixture(scope="module")
def trained(problem: str, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """/opt/ml after a training job in script mode."""
    base = tmp_path_factory.mktemp("training")
    prepare(base, run, HYPERPARAMETERS[problem])
    result = toolkit(base, "train")
    assert result.returncode == 0, result.stdout + result.stderr
    assert (base / "output" / "success").exists()
    return base


def prepare(base: Path, run: Run, hyperparameters: dict[str, Any]) -> None:
    """/opt/ml before a training job."""
    config, channels = base / "input" / "config", base / "input" / "data"
    config.mkdir(parents=True)
    channels.mkdir(parents=True)
    for name in CHANNELS:
        (channels / name).symlink_to(run.parts / name)
    archive = pack_code(channels / "code" / "0123abcd.gz")
    texts = {name: str(value) for name, value in hyperparameters.items()}
    written = {
        "hyperparameters": {
            **texts, "sagemaker_program": "train.py", "sagemaker_submit_directory": str(archive)
        },
        "inputdataconfig": {name: {"TrainingInputMode": "File"} for name in (*CHANNELS, "code")},
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }  # fmt: skip
    for name, content in written.items():
        (config / f"{name}.json").write_text(json.dumps(content))
    (base / "output" / "intermediate").mkdir(parents=True)


@pytest.fixture(scope="module")
def answers(run: Run, trained: Path) -> Answers:
    """What the toolkit's server answers to /ping and to each of `payloads`."""
    base = trained / "serving"
    base.mkdir()
    (base / "model").symlink_to(trained / "model")
    requests, replies = base / "requests.json", base / "answers.json"
    requests.write_text(json.dumps([
        {"body": body.hex(), "headers": {"Content-Type": kind, "Accept": accept}}
        for body, kind, accept in payloads(run)
    ]))  # fmt: skip
    result = toolkit(
        base, "serve", requests, replies,
        SAGEMAKER_PROGRAM="inference.py", SAGEMAKER_SUBMIT_DIRECTORY=base / "model" / "code",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    found: Answers = json.loads(replies.read_text())
    return found


def pack_code(archive: Path) -> Path:
    """The layout of the training code asset: flat step code and model_spec.json."""
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as packed:
        for path in sorted(CODE.glob("*.py")):
            if not path.name.startswith("definition"):
                packed.add(path, arcname=path.name)
    return archive


def payloads(run: Run) -> list[tuple[bytes, str, str]]:
    names, rows = feature_names(run), raw_rows(run, 2)
    row, anything = {name: rows[0][name] for name in names}, "*/*"
    csv = ("\n".join([",".join(names), *csv_lines(rows[:1], names)])).encode()
    bad = json.dumps({**row, numeric(run): "a lot"}).encode()
    lines = "".join(json.dumps({name: each[name] for name in names}) + "\n" for each in rows).encode()
    return [
        (csv, "text/csv", anything),
        (json.dumps(row).encode(), "application/json", anything),
        (bad, "application/json", anything),
        (csv, "text/csv; charset=utf-8", "text/csv"),
        (b"\xff\xfe" + csv, "text/csv", anything),
        (csv, "image/png", anything),
        (csv, "text/csv", anything),
        (lines, "application/jsonlines", "application/jsonlines"),
        ("\n".join(csv_lines(rows, names)).encode(), "text/csv", "application/jsonlines"),
    ]


def numeric(run: Run) -> str:
    columns = json.loads((run.model / "features.json").read_text())["columns"]
    return next(str(column["name"]) for column in columns if column["kind"] == "numeric")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def test_script_mode_leaves_the_same_files_as_a_run_by_hand(run: Run, trained: Path) -> None:
    assert files(trained / "model") == files(run.model)


@pytest.mark.parametrize("name", ["model.json", "features.json", "decision.json", "profile.json", "golden.json"])
def test_script_mode_makes_the_same_model_byte_by_byte(run: Run, trained: Path, name: str) -> None:
    assert (trained / "model" / name).read_bytes() == (run.model / name).read_bytes()


def test_a_failing_script_ends_the_toolkits_job_with_a_failure_file(tmp_path: Path) -> None:
    prepare(tmp_path, finished_run(), {"eta": 7})
    result = toolkit(tmp_path, "train")
    assert result.returncode != 0
    assert (tmp_path / "output" / "failure").exists()
    assert "argument --eta: '7' given; allowed: numbers above 0 up to 1" in result.stderr


def test_the_toolkits_server_answers_the_ping(answers: Answers) -> None:
    assert answers[0]["status"] == 200


def test_csv_and_json_rows_score_as_they_do_without_the_toolkit(
    run: Run, trained: Path, answers: Answers, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps([[body.decode(), kind] for body, kind, _ in payloads(run)[:2]]))
    direct = step("-c", DIRECT, trained / "model", rows, python=IMAGE_PYTHON)
    assert direct.returncode == 0, direct.stderr
    assert [(answer["status"], answer["body"]) for answer in answers[1:3]] == [
        (200, line) for line in direct.stdout.splitlines()
    ]


def test_a_bad_payload_is_a_400_that_names_the_column(run: Run, answers: Answers) -> None:
    assert (answers[3]["status"], answers[3]["type"]) == (400, "application/json")
    error = json.loads(answers[3]["body"])["error"]
    assert error["column"] == numeric(run)
    assert error["row"] == 1
    assert "'a lot' is no number" in error["message"]


def test_the_answer_is_csv_on_request(answers: Answers) -> None:
    [prediction] = json.loads(answers[1]["body"])["predictions"]
    values = [*prediction.pop("scores", {}).values(), *prediction.values()]
    assert (answers[4]["status"], answers[4]["type"]) == (200, "text/csv")
    assert answers[4]["body"] == ",".join(str(value) for value in values) + "\n"


def test_bytes_that_are_no_utf_8_are_a_400_though_the_toolkit_decodes_them(
    answers: Answers,
) -> None:
    assert answers[5]["status"] == 400
    assert "not UTF-8" in json.loads(answers[5]["body"])["error"]["message"]


def test_another_content_type_is_a_415(answers: Answers) -> None:
    assert answers[6]["status"] == 415


def test_a_good_row_after_bad_ones_still_scores(answers: Answers) -> None:
    assert answers[7] == answers[1]


def test_lines_in_and_out_give_the_same_numbers_as_json(answers: Answers) -> None:
    assert [(answer["status"], answer["type"]) for answer in answers[8:]] == [(200, "application/jsonlines")] * 2
    lines = answers[8]["body"].splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0]) == json.loads(answers[2]["body"])["predictions"][0]
    assert answers[9]["body"] == answers[8]["body"]
