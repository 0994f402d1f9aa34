"""The image's own toolkit is the oracle: it trains with train.py and serves with inference.py, without Docker."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.step_runs import CODE, IMAGE_PYTHON, ROOT, Run, finished_run, step

TOOLKIT_PYTHON = ROOT / ".venv" / "environments" / "toolkit" / "bin" / "python"
IMAGE = Path(__file__).with_name("image.py")
HYPERPARAMETERS = {"num_round": "120", "false_negative_cost": "20"}
DIRECT = """
import json, sys
sys.path.insert(0, sys.argv[1] + "/code")
import inference
model = inference.model_fn(sys.argv[1])
for body, kind in json.load(open(sys.argv[2])):
    print(inference.transform_fn(model, body, kind, "application/json").response)
"""


def toolkit(base: Path, *argv: object, **env: object) -> subprocess.CompletedProcess[str]:
    """The toolkit with a private /opt/ml; what it installs with pip lands there too, and pip has no index."""
    if not TOOLKIT_PYTHON.exists():
        pytest.fail(f"{TOOLKIT_PYTHON} is not there; run `make setup`", pytrace=False)
    site = base / "site"
    site.mkdir(exist_ok=True)
    command = [str(TOOLKIT_PYTHON), str(IMAGE), *map(str, argv)]
    settings = {
        "HOME": base, "PATH": "/usr/bin:/bin", "SAGEMAKER_BASE_DIR": base, "PYTHONPATH": site, "PIP_TARGET": site,
        "PIP_NO_INDEX": 1, "PIP_NO_BUILD_ISOLATION": 0, "AWS_REGION": "ap-northeast-2", **env,
    }  # fmt: skip
    return subprocess.run(
        command, env={name: str(value) for name, value in settings.items()}, cwd=base,
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run() -> Run:
    return finished_run()


@pytest.fixture(scope="module")
def trained(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """/opt/ml after a training job in script mode."""
    base = tmp_path_factory.mktemp("training")
    config, channels = base / "input" / "config", base / "input" / "data"
    config.mkdir(parents=True)
    for name in ("train", "validation", "features"):
        (channels / name).parent.mkdir(parents=True, exist_ok=True)
        (channels / name).symlink_to(run.parts / name)
    archive = pack_code(channels / "code" / "0123abcd.gz")
    hyperparameters = {
        **HYPERPARAMETERS, "sagemaker_program": "train.py", "sagemaker_submit_directory": str(archive)
    }  # fmt: skip
    (config / "hyperparameters.json").write_text(json.dumps(hyperparameters))
    inputs = {name: {"TrainingInputMode": "File"} for name in ("train", "validation", "features", "code")}
    (config / "inputdataconfig.json").write_text(json.dumps(inputs))
    (config / "resourceconfig.json").write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]}))
    (base / "output" / "intermediate").mkdir(parents=True)
    result = toolkit(base, "train")
    assert result.returncode == 0, result.stdout + result.stderr
    assert (base / "output" / "success").exists()
    return base


@pytest.fixture(scope="module")
def answers(run: Run, trained: Path) -> list[dict[str, Any]]:
    """What the toolkit's server answers to /ping and to each of REQUESTS."""
    base = trained.parent / "serving"
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
    found: list[dict[str, Any]] = json.loads(replies.read_text())
    return found


def pack_code(archive: Path) -> Path:
    """The layout of the training code asset: flat step code and model_spec.json."""
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as packed:
        for path in sorted(CODE.glob("*.py")):
            if not path.name.startswith("definition"):
                packed.add(path, arcname=path.name)
    return archive


def good_row(run: Run) -> dict[str, str]:
    header, first = (run.parts / "test" / "test.csv").read_text().splitlines()[:2]
    return dict(zip(header.split(","), first.split(","), strict=True))


def payloads(run: Run) -> list[tuple[bytes, str, str]]:
    row, anything = good_row(run), "*/*"
    csv = ("\n".join([",".join(row), ",".join(row.values())])).encode()
    bad = json.dumps({**row, "vehicle_claim": "a lot"}).encode()
    return [
        (csv, "text/csv", anything),
        (json.dumps(row).encode(), "application/json", anything),
        (bad, "application/json", anything),
        (csv, "text/csv; charset=utf-8", "text/csv"),
        (b"\xff\xfe" + csv, "text/csv", anything),
        (csv, "image/png", anything),
        (csv, "text/csv", anything),
    ]


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def test_script_mode_leaves_the_same_files_as_a_run_by_hand(run: Run, trained: Path) -> None:
    assert files(trained / "model") == files(run.model)


@pytest.mark.parametrize("name", ["model.json", "features.json", "decision.json"])
def test_script_mode_makes_the_same_model_byte_by_byte(run: Run, trained: Path, name: str) -> None:
    assert (trained / "model" / name).read_bytes() == (run.model / name).read_bytes()


def test_a_failing_script_ends_the_toolkits_job_with_a_failure_file(trained: Path, tmp_path: Path) -> None:
    config = tmp_path / "input" / "config"
    config.parent.mkdir(parents=True)
    config.mkdir()
    for path in (trained / "input" / "config").iterdir():
        (config / path.name).write_text(path.read_text())
    wrong = json.loads((config / "hyperparameters.json").read_text()) | {"eta": "7"}
    (config / "hyperparameters.json").write_text(json.dumps(wrong))
    (tmp_path / "output" / "intermediate").mkdir(parents=True)
    result = toolkit(tmp_path, "train")
    assert result.returncode != 0
    assert (tmp_path / "output" / "failure").exists()
    assert "argument --eta: '7' given; allowed: numbers above 0 up to 1" in result.stderr


def test_the_toolkits_server_answers_the_ping(answers: list[dict[str, Any]]) -> None:
    assert answers[0]["status"] == 200


def test_csv_and_json_rows_score_as_they_do_without_the_toolkit(
    run: Run, trained: Path, answers: list[dict[str, Any]], tmp_path: Path
) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps([[body.decode(), kind] for body, kind, _ in payloads(run)[:2]]))
    direct = step("-c", DIRECT, trained / "model", rows, python=IMAGE_PYTHON)
    assert direct.returncode == 0, direct.stderr
    assert [(answer["status"], answer["body"]) for answer in answers[1:3]] == [
        (200, line) for line in direct.stdout.splitlines()
    ]


def test_a_bad_payload_is_a_400_that_names_the_column(answers: list[dict[str, Any]]) -> None:
    assert (answers[3]["status"], answers[3]["type"]) == (400, "application/json")
    error = json.loads(answers[3]["body"])["error"]
    assert error["column"] == "vehicle_claim"
    assert error["row"] == 1
    assert "'a lot' is no number" in error["message"]


def test_the_answer_is_csv_on_request(answers: list[dict[str, Any]]) -> None:
    prediction = json.loads(answers[1]["body"])["predictions"][0]
    assert (answers[4]["status"], answers[4]["type"]) == (200, "text/csv")
    assert answers[4]["body"] == f"{prediction['score']},{prediction['decision']}\n"


def test_bytes_that_are_no_utf_8_are_a_400_though_the_toolkit_decodes_them(
    answers: list[dict[str, Any]],
) -> None:
    assert answers[5]["status"] == 400
    assert "not UTF-8" in json.loads(answers[5]["body"])["error"]["message"]


def test_another_content_type_is_a_415(answers: list[dict[str, Any]]) -> None:
    assert answers[6]["status"] == 415


def test_a_good_row_after_bad_ones_still_scores(answers: list[dict[str, Any]]) -> None:
    assert answers[7] == answers[1]
