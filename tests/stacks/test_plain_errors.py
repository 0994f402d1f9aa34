"""What a user sees when a mistake in the settings ends the synth."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def synth(folder: Path, changed: str, old: str, new: str) -> subprocess.CompletedProcess[str]:
    """How the synth of a copy of the project ends in which one file was changed."""
    for name in ("app.py", "cdk.json"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("settings", "stacks", "pipeline_code", "lambda"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    text = (folder / changed).read_text()
    assert old in text
    (folder / changed).write_text(text.replace(old, new))
    env = {**os.environ, "PYTHONPATH": str(folder), "CDK_OUTDIR": str(folder / "cdk.out")}
    return subprocess.run([sys.executable, "app.py"], cwd=folder, env=env, capture_output=True, text=True, timeout=120)


def test_a_mistake_in_the_settings_ends_the_synth_with_sentences_and_no_traceback(tmp_path: Path) -> None:
    ended = synth(tmp_path, "settings/models/claims-fraud.toml", "auc_floor = 0.70", "auc_floor = 1.7")

    assert ended.returncode == 1
    assert "auc_floor" in ended.stderr
    assert "1.7" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_violated_control_ends_the_synth_with_what_to_change_and_no_traceback(tmp_path: Path) -> None:
    ended = synth(tmp_path, "stacks/controls/size.py", "LARGEST_TEMPLATE = 1_048_576", "LARGEST_TEMPLATE = 70_000")

    assert ended.returncode == 1
    assert "bytes, more than 70,000. Why it matters: CloudFormation refuses it" in ended.stderr
    assert "Suggested fix: move some of settings/models" in ended.stderr
    assert "Error: the templates break a control: " in ended.stderr
    assert "Traceback" not in ended.stderr
