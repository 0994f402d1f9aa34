"""What a user sees when a mistake in the settings ends the synth."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_mistake_in_the_settings_ends_the_synth_with_sentences_and_no_traceback(tmp_path: Path) -> None:
    for name in ("app.py", "cdk.json"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("settings", "stacks", "pipeline_code", "lambda"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "settings" / "models" / "claims-fraud.toml"
    file.write_text(file.read_text().replace("auc_floor = 0.70", "auc_floor = 1.7"))

    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "app.py"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120
    )

    assert ended.returncode == 1
    assert "auc_floor" in ended.stderr
    assert "1.7" in ended.stderr
    assert "Traceback" not in ended.stderr
