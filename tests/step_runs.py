"""Runs the step code as AWS would, as processes of the image's environment; used by the tests of the steps.

One run of Preprocess and Train for each problem, on made-up data, is shared by a test session: `finished_run`.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace.demo_data import generate, generate_abalone, generate_penguins
from millrace.local.forkserver.client import PRELOADS, ForkServer

ROOT = Path(__file__).resolve().parents[1]
CODE = ROOT / "pipeline_code"
ENVIRONMENTS = ROOT / ".venv" / "environments"
# Under `make parity` the tests themselves run in an environment with the image's packages, on its Python.
PARITY = Path(sys.prefix).name == "parity"
IMAGE_PYTHON = ENVIRONMENTS / ("parity" if PARITY else "sagemaker-xgboost-3.2-0") / "bin" / "python"
TOOLKIT_PYTHON = ENVIRONMENTS / ("parity-toolkit" if PARITY else "toolkit") / "bin" / "python"
STRICT = ROOT / "tests" / "strict_step.py"
STEP_SECONDS = 120
SPEC: dict[str, Any] = {
    "model": "claims-fraud",
    "problem": "binary",
    "label": "fraud",
    "join_key": "policy_id",
    "tables": ["claims", "customers"],
    "numeric": ["num_injuries", "num_witnesses", "vehicle_claim", "months_as_customer", "num_claims_past_year",
                "num_insurers_past_5_years"],
    "categorical": ["incident_type", "incident_severity", "authorities_contacted", "police_report_available",
                    "customer_gender"],
    "missing": ["", "NA"],
    "split": {"train": 0.7, "validation": 0.15, "test": 0.15, "seed": 20},
}  # fmt: skip
ABALONE: dict[str, Any] = {
    "model": "abalone",
    "problem": "regression",
    "label": "rings",
    "tables": ["abalone"],
    "numeric": ["length", "diameter", "height", "whole_weight", "shucked_weight", "viscera_weight", "shell_weight"],
    "categorical": ["sex"],
    "missing": ["", "NA"],
    "columns": ["sex", "length", "diameter", "height", "whole_weight", "shucked_weight", "viscera_weight",
                "shell_weight", "rings"],
    "split": {"train": 0.7, "validation": 0.15, "test": 0.15, "seed": 20},
}  # fmt: skip
# Names and classes that are not ASCII, all the way from the file to the answers.
KOREAN = {"species": "종", "island": "섬", "bill_length_mm": "부리 길이", "bill_depth_mm": "부리 깊이",
          "flipper_length_mm": "날개 길이", "body_mass_g": "몸무게", "sex": "성별", "Adelie": "아델리",
          "Chinstrap": "턱끈", "Gentoo": "젠투", "male": "수컷", "female": "암컷"}  # fmt: skip
PENGUINS: dict[str, Any] = {
    "model": "penguins",
    "problem": "multiclass",
    "label": "종",
    "classes": ["젠투", "아델리", "턱끈"],
    "tables": ["penguins"],
    "numeric": ["부리 길이", "부리 깊이", "날개 길이", "몸무게"],
    "categorical": ["성별", "섬"],
    "missing": ["", "NA"],
    "split": {"train": 0.7, "validation": 0.15, "test": 0.15, "seed": 20},
}
SPECS = {"binary": SPEC, "multiclass": PENGUINS, "regression": ABALONE}
HYPERPARAMETERS = {
    "binary": {"num_round": 120, "false_negative_cost": 20},
    "multiclass": {"num_round": 40},
    "regression": {"num_round": 120, "max_depth": 4},
}
_keep: list[tempfile.TemporaryDirectory[str]] = []


@dataclass(frozen=True)
class Run:
    folder: Path
    preprocess_log: str
    train_log: str

    @property
    def parts(self) -> Path:
        return self.folder / "parts"

    @property
    def model(self) -> Path:
        return self.folder / "model"


def step(*argv: object, python: Path = IMAGE_PYTHON, **env: object) -> subprocess.CompletedProcess[str]:
    """A step in an empty environment; argv starts with the script."""
    if not python.exists():
        raise FileNotFoundError(f"{python} is not there; run `make setup`")
    environment = {"HOME": os.environ.get("HOME", "/"), **{name: str(value) for name, value in env.items()}}
    if python == IMAGE_PYTHON and str(argv[0]).endswith(".py"):
        return _forked([*map(str, argv)], environment)
    return subprocess.run(
        [str(python), "-W", "error", *map(str, argv)],
        env=environment, cwd=tempfile.gettempdir(), capture_output=True, text=True, timeout=STEP_SECONDS, check=False,
    )  # fmt: skip


def _forked(argv: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """As the embedded AWS starts a job: a fork of a process that has the image's libraries, which take a second."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = _image().spawn(
            ["python", str(STRICT), *argv],
            env=environment,
            cwd=Path(tempfile.gettempdir()),
            stdout=out.fileno(),
            stderr=err.fileno(),
        )
        code = child.wait(STEP_SECONDS)
        if code is None:
            child.kill()
            raise subprocess.TimeoutExpired(argv, STEP_SECONDS)
        for printed in (out, err):
            printed.seek(0)
        return subprocess.CompletedProcess(argv, code, out.read(), err.read())


@functools.cache
def _image() -> ForkServer:
    made = ForkServer(IMAGE_PYTHON.parents[1], preload=PRELOADS["sagemaker-xgboost-3.2-0"])
    atexit.register(made.stop)
    return made


def passed(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


CALLS = """
import importlib, json, sys
sys.path[:0] = [sys.argv[1]]
import contextlib, io
for module, argv in json.load(sys.stdin):
    errors = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
            importlib.import_module(module).main(argv)
        print(json.dumps(""))
    except BaseException as error:
        printed = errors.getvalue().strip().splitlines()
        print(json.dumps(printed[-1] if printed else f"{type(error).__name__}: {error}"))
"""


def errors_of(calls: list[tuple[str, list[str]]]) -> list[str]:
    """What each call of a step's main ends with, empty if it passes: one process for all, as starts are slow."""
    result = subprocess.run(
        [str(IMAGE_PYTHON), "-c", CALLS, str(CODE)], input=json.dumps(calls),
        env={}, cwd=tempfile.gettempdir(), capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in result.stdout.splitlines()]


def write_spec(folder: Path, **changes: Any) -> Path:
    path = folder / "model_spec.json"
    path.write_text(json.dumps({**SPEC, **changes}))
    return path


def pack_model(model: Path, archive: Path) -> Path:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as packed:
        for path in sorted(model.iterdir()):
            packed.add(path, arcname=path.name)
    return archive


def train_env(parts: Path, model: Path) -> dict[str, Path]:
    return {
        "SM_CHANNEL_TRAIN": parts / "train",
        "SM_CHANNEL_VALIDATION": parts / "validation",
        "SM_CHANNEL_FEATURES": parts / "features",
        "SM_MODEL_DIR": model,
    }


def train_arguments(problem: str) -> list[str]:
    return [word for name, value in HYPERPARAMETERS[problem].items() for word in (f"--{name}", str(value))]


@functools.cache
def finished_run(problem: str = "binary") -> Run:
    """Preprocess and Train on a few thousand made-up rows."""
    _keep.append(tempfile.TemporaryDirectory(prefix="millrace-run-"))
    folder = Path(_keep[-1].name)
    data, parts = folder / "data", folder / "parts"
    for table, path in _made(folder / "made", problem).items():
        (data / table).mkdir(parents=True)
        path.rename(data / table / "00000.csv")
    spec = folder / "model_spec.json"
    spec.write_text(json.dumps(SPECS[problem]))
    first = passed(step(CODE / "preprocess.py", "--data", data, "--output", parts, "--spec", spec))
    second = passed(step(CODE / "train.py", *train_arguments(problem), **train_env(parts, folder / "model")))
    return Run(folder, first, second)


def _made(folder: Path, problem: str) -> dict[str, Path]:
    """The files of the tables."""
    if problem == "binary":
        made = generate(folder, rows=3000, seed=3)
        return {"claims": made.claims, "customers": made.customers}
    if problem == "regression":
        return {"abalone": generate_abalone(folder, rows=2000, seed=3).file}
    path = generate_penguins(folder, rows=1500, seed=3)
    rows = [[KOREAN.get(text, text) for text in line.split(",")] for line in path.read_text().splitlines()]
    path.write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    return {"penguins": path}


def raw_rows(run: Run, limit: int) -> list[dict[str, Any]]:
    """The first test rows as a client has them: numbers, texts, None for what is missing; with key and label."""
    import pyarrow.parquet as pq

    [file] = sorted((run.parts / "test").glob("*.parquet"))
    found: list[dict[str, Any]] = pq.read_table(file).slice(0, limit).to_pylist()
    return found


def feature_names(run: Run) -> list[str]:
    return [column["name"] for column in json.loads((run.model / "features.json").read_text())["columns"]]


def csv_lines(rows: list[dict[str, Any]], names: list[str]) -> list[str]:
    """The rows as lines of a CSV without header."""
    return [",".join("" if row[name] is None else str(row[name]) for name in names) for row in rows]
