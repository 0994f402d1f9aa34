"""Runs `app.py`, the same way `cdk synth` does, when its assembly is missing or older than a source."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from millrace.cli import project
from millrace.cli.progress import Progress, Row
from millrace.errors import MillraceError

ERROR_LINES = 30


def synth_if_needed(assembly: Path, *, embedded: bool) -> None:
    """Bring `cdk.out` up to date; an assembly from elsewhere is taken as it is."""
    if assembly == project.ASSEMBLY and project.needs_synth(assembly):
        synth(assembly, embedded=embedded)
    if not (assembly / "manifest.json").is_file():
        raise MillraceError(f"{project.short(assembly)} holds no cloud assembly: `make synth` makes cdk.out")


def synth(assembly: Path, *, embedded: bool) -> None:
    began = time.monotonic()
    where = f"app.py -> {project.short(assembly)}"
    with Progress() as progress:
        progress.update([Row("synth", "IN_PROGRESS", note=where)])
        _run_app(assembly, embedded=embedded)
        progress.update([Row("synth", "COMPLETE", time.monotonic() - began, where)])


def _run_app(assembly: Path, *, embedded: bool) -> None:
    env = {**os.environ, "CDK_OUTDIR": str(assembly)}
    if embedded:  # CDK's own check of the templates takes seconds; a deployment to AWS keeps it
        env.setdefault("CDK_VALIDATION", "false")
    done = subprocess.run([sys.executable, "app.py"], cwd=project.ROOT, env=env, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().removeprefix("Error: ").splitlines()
        raise MillraceError("app.py could not make the templates:\n" + "\n".join(lines[-ERROR_LINES:]))
