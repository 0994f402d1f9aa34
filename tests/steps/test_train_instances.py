"""Train on several instances: processes that know one another by SM_HOSTS, as in a training job."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.step_runs import CODE, IMAGE_PYTHON, Run, finished_run, passed, step, train_env

HOSTS = ("127.0.0.2", "127.0.0.3")
SCORE = """
import json, sys
sys.path[:0] = [sys.argv[1]]
from pathlib import Path
import parts, xgboost
from features import FeatureTransform
found = []
for model in map(Path, sys.argv[3:]):
    transform = FeatureTransform.read(model / "features.json")
    rows = transform.encode(parts.read(Path(sys.argv[2]), transform.names))
    found.append(xgboost.Booster(model_file=model / "model.json").inplace_predict(rows).tolist())
print(json.dumps(found))
"""
IMPATIENT = """
import sys
sys.path[:0] = [sys.argv[1]]
import cluster, train
cluster.MEETING_SECONDS, cluster.SILENCE_SECONDS = 1, 2
train.main(sys.argv[2:])
"""
SLOWLY = """
import sys, threading
sys.path[:0] = [sys.argv[1]]
import train
waiting = threading.Event()
class Slow(train.Progress):
    def after_iteration(self, model, epoch, evals_log):
        print(f"round {epoch}", flush=True)
        waiting.wait(0.05)
        return False
train.Progress = Slow
train.main(sys.argv[2:])
"""
Process = subprocess.Popen[str]


@contextmanager
def instance(host: str, job: str, run: Run, model: Path, *argv: object) -> Iterator[Process]:
    folders = {name: str(path) for name, path in train_env(run.parts, model).items()}
    env = {"HOME": os.environ.get("HOME", "/"), "SM_HOSTS": json.dumps(HOSTS), "SM_CURRENT_HOST": host,
           "TRAINING_JOB_NAME": job, **folders}  # fmt: skip
    process = subprocess.Popen(
        [str(IMAGE_PYTHON), *map(str, argv)], env=env, cwd=tempfile.gettempdir(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def trained_together(run: Run, folder: Path, *arguments: object) -> list[str]:
    """The logs of both instances; each has a model folder of its own."""
    job = uuid.uuid4().hex
    script = (CODE / "train.py", *arguments)
    with (
        instance(HOSTS[0], job, run, folder / HOSTS[0], *script) as first,
        instance(HOSTS[1], job, run, folder / HOSTS[1], *script) as second,
    ):
        logs = [process.communicate(timeout=60)[0] for process in (first, second)]
        assert [first.returncode, second.returncode] == [0, 0], logs
    return logs


def scores(run: Run, *models: Path) -> list[Any]:
    found: list[Any] = json.loads(passed(step("-c", SCORE, CODE, run.parts / "test", *models)))
    return found


def differences(one: list[float], other: list[float]) -> list[float]:
    return sorted(abs(a - b) for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def regression(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Without drawing lots for the rows, which each instance does by itself."""
    folder = tmp_path_factory.mktemp("together")
    arguments = ("--num_round", 80, "--eta", 0.1, "--early_stopping_rounds", 15, "--subsample", 1)
    passed(step(CODE / "train.py", *arguments, **train_env(finished_run("regression").parts, folder / "alone")))
    return folder, trained_together(finished_run("regression"), folder, *arguments)


def test_two_instances_make_the_model_that_one_makes(regression: tuple[Path, list[str]]) -> None:
    folder, _ = regression
    run = finished_run("regression")
    alone, together = scores(run, folder / "alone", folder / HOSTS[0])
    found = differences(alone, together)
    assert found[len(found) // 2] < 0.15, "half of the predictions, of about 10 rings, differ by less"
    values = [json.loads((folder / name / "decision.json").read_text()) for name in ("alone", HOSTS[0])]
    assert values[1]["validation_value"] == pytest.approx(values[0]["validation_value"], rel=0.02)
    assert values[0]["validation_rows"] == values[1]["validation_rows"]


def test_only_the_first_instance_writes_the_model_and_tells_the_metrics(regression: tuple[Path, list[str]]) -> None:
    folder, logs = regression
    assert (folder / HOSTS[0] / "model.json").exists()
    assert not (folder / HOSTS[1]).exists()
    assert "validation-rmse" in logs[0]
    assert "validation-rmse" not in logs[1]


def test_the_transform_does_not_depend_on_the_number_of_instances(regression: tuple[Path, list[str]]) -> None:
    folder, _ = regression
    for name in ("features.json", "profile.json"):
        assert (folder / HOSTS[0] / name).read_bytes() == (folder / "alone" / name).read_bytes()


def test_the_same_parts_give_the_same_model_again(regression: tuple[Path, list[str]], tmp_path: Path) -> None:
    trained_together(finished_run("regression"), tmp_path, "--num_round", 30, "--subsample", 0.8)
    first = (tmp_path / HOSTS[0] / "model.json").read_bytes()
    trained_together(finished_run("regression"), tmp_path, "--num_round", 30, "--subsample", 0.8)
    assert (tmp_path / HOSTS[0] / "model.json").read_bytes() == first


@pytest.mark.parametrize("problem", ["binary", "multiclass"])
def test_instances_of_a_classification_agree_with_one_instance(problem: str, tmp_path: Path) -> None:
    run = finished_run(problem)
    arguments = ("--num_round", 20, "--subsample", 1)
    passed(step(CODE / "train.py", *arguments, **train_env(run.parts, tmp_path / "alone")))
    logs = trained_together(run, tmp_path, *arguments)
    values = [json.loads((tmp_path / name / "decision.json").read_text()) for name in ("alone", HOSTS[0])]
    assert values[1]["validation_value"] == pytest.approx(values[0]["validation_value"], abs=0.03), logs


@pytest.mark.parametrize("lost", [0, 1])
def test_when_an_instance_is_killed_the_other_ends_with_an_error(lost: int, tmp_path: Path) -> None:
    run, job = finished_run("regression"), uuid.uuid4().hex
    script = ("-c", SLOWLY, CODE, "--num_round", 5000, "--early_stopping_rounds", 5000)
    with (
        instance(HOSTS[0], job, run, tmp_path / "a", *script) as first,
        instance(HOSTS[1], job, run, tmp_path / "b", *script) as second,
    ):
        assert first.stdout is not None
        assert any(line.startswith("round 5") for line in first.stdout)
        (first, second)[lost].send_signal(signal.SIGKILL)
        other = (first, second)[1 - lost]
        log, _ = other.communicate(timeout=30)
    assert other.returncode == 1
    assert f"ConnectionError: {HOSTS[1 - lost]} lost another instance of the job" in log
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("host", "sentence"),
    [(HOSTS[0], "ConnectionError: 0 of 1 other instances came to 127.0.0.2:"),
     (HOSTS[1], "ConnectionError: the first instance did not answer at 127.0.0.2:")],
)  # fmt: skip
def test_an_instance_whose_peer_never_comes_does_not_wait_for_ever(host: str, sentence: str, tmp_path: Path) -> None:
    with instance(host, uuid.uuid4().hex, finished_run("regression"), tmp_path, "-c", IMPATIENT, CODE) as process:
        log, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert sentence in log


def test_an_instance_that_fails_tells_its_own_reason(tmp_path: Path) -> None:
    run, job = finished_run("regression"), uuid.uuid4().hex
    with (
        instance(HOSTS[0], job, run, tmp_path / "a", CODE / "train.py", "--scale_pos_weight", 2) as first,
        instance(HOSTS[1], job, run, tmp_path / "b", CODE / "train.py") as second,
    ):
        logs = [process.communicate(timeout=60)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [1, 1]
    assert "ValueError: scale_pos_weight is 2" in logs[0]
    assert f"{HOSTS[1]} lost another instance" in logs[1]


def test_a_host_that_is_none_of_the_jobs_is_refused() -> None:
    result = step(CODE / "train.py", "--features", finished_run().parts / "features", SM_HOSTS='["algo-1"]',
                  SM_CURRENT_HOST="algo-2")  # fmt: skip
    assert result.returncode == 1
    assert "SM_CURRENT_HOST is 'algo-2', which is none of SM_HOSTS: algo-1" in result.stderr
