"""A mistake in the definition fails the synth: through the stage's own face, and through `python app.py`."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from settings import load
from stacks.account_stage import AccountStage
from stacks.app import new_app
from stacks.definition_validator import DefinitionError
from tests.stacks.definition_sample import model

ROOT = Path(__file__).parents[2]
SOURCES = ("settings", "stacks", "pipeline_code", "lambda")


def test_an_instance_type_that_does_not_exist_fails_the_stage(tmp_path: Path) -> None:
    wrong = dataclasses.replace(model(), training=dataclasses.replace(model().training, instance_type="ml.m5.huge"))
    app = new_app(outdir=tmp_path)
    with pytest.raises(DefinitionError) as caught:
        AccountStage(app, "Dev", account=load().account("dev"), settings=dataclasses.replace(load(), models=(wrong,)))
    (violation,) = caught.value.violations
    assert (violation.step, violation.path) == ("Train", "Arguments.ResourceConfig.InstanceType")
    assert "ml.m5.huge" in str(violation)


def test_a_mistake_in_the_graph_fails_app_py_with_a_sentence(tmp_path: Path) -> None:
    for name in SOURCES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "cdk.json"):
        shutil.copy(ROOT / name, tmp_path)
    graph = tmp_path / "pipeline_code" / "definition_context.py"
    code = graph.read_text("utf-8")
    assert 's3_data_type="S3Prefix"' in code
    graph.write_text(code.replace('s3_data_type="S3Prefix"', 's3_data_type="Prefix"'), "utf-8")
    env = {**os.environ, "CDK_OUTDIR": str(tmp_path / "cdk.out")}
    run = subprocess.run([sys.executable, "app.py"], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert run.returncode != 0
    assert re.search(r"the definition of pipeline [a-z-]+ has \d mistakes:", run.stderr)
    assert "step Preprocess: Arguments.ProcessingInputs[0].S3Input.S3DataType" in run.stderr
    assert "allowed: ManifestFile, S3Prefix" in run.stderr
    assert not list((tmp_path / "cdk.out").rglob("*.template.json"))
