"""Synth needs no credentials, no network, no PATH, and gives the same bytes everywhere."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, Deployed

SOURCES = ("app.py", "cdk.json", "settings", "stacks", "pipeline_code", "lambda")


def test_synth_works_with_an_empty_environment_and_no_network(tmp_path: Path) -> None:
    cut_off = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None or subprocess.run([*cut_off, "true"], capture_output=True).returncode:
        cut_off = []  # another system: the empty environment is still checked
    (tmp_path / "home").mkdir()
    variables = {"HOME": str(tmp_path / "home"), "CDK_OUTDIR": str(tmp_path / "out"), "CDK_VALIDATION": "false"}
    command = [*cut_off, "env", "-i", *[f"{k}={v}" for k, v in variables.items()], sys.executable, "app.py"]

    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (tmp_path / "out" / "manifest.json").exists()


def test_two_clones_in_different_folders_give_the_same_bytes(assembly: Path, tmp_path: Path) -> None:
    clone = tmp_path / "somewhere else" / "clone"
    clone.mkdir(parents=True)
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, clone / name)
    out = tmp_path / "other.out"
    env = {**os.environ, "CDK_OUTDIR": str(out), "CDK_VALIDATION": "false", "PYTHONPATH": str(clone)}
    ended = subprocess.run([sys.executable, "app.py"], cwd=clone, env=env, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr

    assert digests(out) == digests(assembly)


def test_the_embedded_aws_needs_nothing_but_the_assembly(assembly: Path, tmp_path: Path) -> None:
    """`millrace up` and `deploy` from a folder that holds the toolbox and cdk.out, and no sources of the app."""
    shutil.copytree(ROOT / "millrace", tmp_path / "millrace", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(assembly, tmp_path / "cdk.out")
    env = {
        **{k: v for k, v in os.environ.items() if not k.startswith("MILLRACE")},
        "MILLRACE_HOME": str(tmp_path / "state"),
        "MILLRACE_PORT": "0",
        "PYTHONPATH": str(tmp_path),
    }

    def millrace(*arguments: str) -> str:
        command = [sys.executable, "-P", "-m", "millrace", *arguments]
        ended = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=180)
        if ended.returncode:
            pytest.fail(ended.stdout + ended.stderr, pytrace=False)
        return ended.stdout

    try:
        millrace("up")
        printed = millrace("deploy", "Dev/*", "--assembly", str(tmp_path / "cdk.out"), "--no-synth")
    finally:
        millrace("down")

    for name in ("Data", "Build", "Trigger", "Deploy", "Serving"):
        assert f"Dev-{name}" in printed


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "validation-report.json"
    }


def test_a_deployed_app_has_no_custom_resource(deployed: Deployed) -> None:
    cloudformation = deployed.client("cloudformation")
    for stack in cloudformation.list_stacks()["StackSummaries"]:
        listed = cloudformation.list_stack_resources(StackName=stack["StackName"])["StackResourceSummaries"]
        assert not [found for found in listed if found["ResourceType"].startswith("Custom::")]
