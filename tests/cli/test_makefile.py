"""What `make` says on a machine that it was never on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "Makefile", folder)
    for lock in ROOT.glob("requirements*.lock"):
        shutil.copy(lock, folder)
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, timeout=60)


def test_make_alone_lists_what_there_is(tmp_path: Path) -> None:
    listed = make(tmp_path).stdout

    for target in (
        "setup",
        "demo",
        "test",
        "check",
        "lint",
        "gates",
        "synth",
        "lock",
        "cdk",
        "cdk-check",
        "chaos",
        "clean",
        "distclean",
    ):
        assert f"  make {target} " in listed


def test_without_a_python_that_fits_set_up_says_which_ones_do(tmp_path: Path) -> None:
    ended = make(tmp_path, "setup", "PYTHONS=no-such-python")

    assert ended.returncode != 0
    assert "needs Python 3.11, 3.12 or 3.13, and none of these is one: no-such-python" in ended.stderr
    assert "make setup PYTHON=" in ended.stderr
    assert not (tmp_path / ".venv").exists()


def test_clean_keeps_the_state_and_the_environment(tmp_path: Path) -> None:
    for name in (".venv/lib/__pycache__", ".millrace", "cdk.out", "stacks/__pycache__"):
        (tmp_path / name).mkdir(parents=True)

    make(tmp_path, "clean")

    assert [(tmp_path / name).exists() for name in (".venv/lib/__pycache__", ".millrace")] == [True, True]
    assert [(tmp_path / name).exists() for name in ("cdk.out", "stacks/__pycache__", "stacks")] == [False, False, True]


def test_the_command_works_from_any_folder_with_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    shutil.copytree(ROOT / "millrace", folder / "millrace", ignore=shutil.ignore_patterns("__pycache__", "local"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True, timeout=60)
    made = make(folder, ".venv/bin/millrace")
    assert made.returncode == 0, made.stderr

    ended = subprocess.run([folder / ".venv/bin/millrace"], cwd=tmp_path, capture_output=True, text=True, timeout=60)

    assert "No module named 'typer'" in ended.stderr, "it finds the toolbox, and only then misses its packages"
