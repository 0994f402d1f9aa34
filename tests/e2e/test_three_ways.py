"""A step by hand, as docs/steps.md shows it, makes the bytes that the deployed pipeline makes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import ARTIFACTS, MODEL, RAW, ROOT, Deployed

DOCS = (ROOT / "docs" / "steps.md").read_text("utf-8")
NAMED = ("pipeline_code", "settings", ".venv")


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory, tables: Path) -> Path:
    """The folder `try` that the commands of the page make."""
    folder = tmp_path_factory.mktemp("by-hand")
    for name in NAMED:
        (folder / name).symlink_to(ROOT / name)
    (folder / "data").mkdir()
    for table in ("claims", "customers"):
        shutil.copyfile(tables / f"{table}.csv", folder / "data" / f"{table}.csv")
    [commands] = re.findall(r"```sh\n(.*?)```", DOCS, re.DOTALL)
    ended = subprocess.run(
        ["sh", "-euc", commands], cwd=folder, env={**os.environ}, capture_output=True, text=True, timeout=300
    )
    if ended.returncode:
        pytest.fail(f"{ended.stdout}\n{ended.stderr}", pytrace=False)
    return folder / "try"


@pytest.fixture(scope="module")
def by_pipeline(deployed: Deployed, tables: Path) -> dict[str, bytes]:
    """What the run left, by the key below its prefix."""
    s3 = deployed.client("s3")
    for table in ("claims", "customers"):
        s3.upload_file(str(tables / f"{table}.csv"), RAW, f"raw/{MODEL}/{table}/{table}.csv")
    [execution] = deployed.until("the start of a run", deployed.executions)
    arn = execution["PipelineExecutionArn"]
    assert deployed.finished(arn)["PipelineExecutionStatus"] == "Succeeded", deployed.steps(arn)
    prefix = f"runs/{arn.rsplit('/', 1)[-1]}/"
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=ARTIFACTS, Prefix=prefix)["Contents"]]
    return {key.removeprefix(prefix): s3.get_object(Bucket=ARTIFACTS, Key=key)["Body"].read() for key in keys}


def test_the_parts_and_the_fit_are_the_same_bytes(by_hand: Path, by_pipeline: dict[str, bytes]) -> None:
    made = {key.removeprefix("preprocess/"): body for key, body in by_pipeline.items() if key.startswith("preprocess/")}

    assert {key: (by_hand / "parts" / key).read_bytes() for key in made} == made
    assert {key.split("/")[0] for key in made} == {"train", "validation", "test", "features"}


def test_the_model_is_the_same_bytes(by_hand: Path, by_pipeline: dict[str, bytes]) -> None:
    [archive] = [body for key, body in by_pipeline.items() if key.endswith("model.tar.gz")]

    assert members(archive) == members((by_hand / "model.tar.gz").read_bytes())


def test_the_verdict_is_the_same_but_for_the_archive_that_was_packed_elsewhere(
    by_hand: Path, by_pipeline: dict[str, bytes]
) -> None:
    assert judged((by_hand / "evaluation" / "verdict.json").read_bytes()) == judged(
        by_pipeline["evaluate/verdict.json"]
    )
    assert (by_hand / "evaluation" / "evaluation.json").read_bytes() == by_pipeline["evaluate/evaluation.json"]


def members(archive: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        return {
            member.name.removeprefix("./"): hashlib.sha256(file.read()).hexdigest()
            for member in packed
            if (file := packed.extractfile(member))
        }


def judged(text: bytes) -> dict[str, Any]:
    verdict = json.loads(text)
    return {name: verdict[name] for name in ("gate", "metrics", "threshold", "champion", "suspects", "segments")}
