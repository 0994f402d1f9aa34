"""Runs the step code as AWS would, as processes of the image's environment; used by the tests of the steps.

One run of all steps on made-up data is shared by a test session: `finished_run`.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace.demo_data import generate

ROOT = Path(__file__).resolve().parents[1]
CODE = ROOT / "pipeline_code"
IMAGE_PYTHON = ROOT / ".venv" / "environments" / "sagemaker-xgboost-3.2-0" / "bin" / "python"
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
_keep: list[tempfile.TemporaryDirectory[str]] = []


@dataclass(frozen=True)
class Run:
    folder: Path
    preprocess_log: str
    train_log: str
    evaluate_log: str
    best_auc: float

    @property
    def parts(self) -> Path:
        return self.folder / "parts"

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def evaluation(self) -> Path:
        return self.folder / "evaluation"


def step(*argv: object, python: Path = IMAGE_PYTHON, **env: object) -> subprocess.CompletedProcess[str]:
    """A step in an empty environment; argv starts with the script."""
    if not python.exists():
        raise FileNotFoundError(f"{python} is not there; run `make setup`")
    return subprocess.run(
        [str(python), "-W", "error", *map(str, argv)],
        env={"HOME": os.environ.get("HOME", "/"), **{name: str(value) for name, value in env.items()}},
        cwd=tempfile.gettempdir(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


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


@functools.cache
def finished_run() -> Run:
    """All three steps on 3,000 made-up rows."""
    _keep.append(tempfile.TemporaryDirectory(prefix="millrace-run-"))
    folder = Path(_keep[-1].name)
    data = folder / "data"
    made = generate(folder / "made", rows=3000, seed=3)
    for table, path in (("claims", made.claims), ("customers", made.customers)):
        (data / table).mkdir(parents=True)
        path.rename(data / table / "00000.csv")
    spec, parts = write_spec(folder), folder / "parts"
    first = passed(step(CODE / "preprocess.py", "--data", data, "--output", parts, "--spec", spec))
    second = passed(step(CODE / "train.py", "--num_round", 120, "--false_negative_cost", 20,
                         **train_env(parts, folder / "model")))  # fmt: skip
    archive = pack_model(folder / "model", folder / "packed" / "model.tar.gz")
    third = passed(step(CODE / "evaluate.py", "--model", archive.parent, "--test", parts / "test",
                        "--output", folder / "evaluation", "--auc-floor", 0.6))  # fmt: skip
    return Run(folder, first, second, third, made.best_auc)
