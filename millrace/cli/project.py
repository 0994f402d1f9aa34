"""Where things are: the repository, the state folder of the embedded AWS, the cloud assembly."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from millrace.errors import MillraceError

ROOT = Path(__file__).resolve().parents[2]
ASSEMBLY = ROOT / "cdk.out"
SOURCE_FOLDERS = ("settings", "stacks", "pipeline_code", "lambda")
DEFAULT_PORT = 4580
STARTS_RUNS = "/Trigger"
"""How the path of the stack ends that only the training account has."""


def home() -> Path:
    """The folder that holds the state of the embedded AWS: MILLRACE_HOME, else .millrace in the repository."""
    return Path(os.environ.get("MILLRACE_HOME") or ROOT / ".millrace").absolute()


def port() -> int:
    """The port of the embedded AWS: MILLRACE_PORT, else 4580."""
    text = os.environ.get("MILLRACE_PORT") or str(DEFAULT_PORT)
    if not text.isdigit() or int(text) > 65535:
        raise MillraceError(f"MILLRACE_PORT is {text!r}: give a number from 1 to 65535 (0: any free port)")
    return int(text)


def short(path: Path) -> str:
    """The path as one would type it here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def needs_synth(assembly: Path = ASSEMBLY, *, root: Path = ROOT) -> bool:
    """Whether the assembly is missing or older than a source. Without the sources it is taken as it is."""
    if not all((root / folder).is_dir() for folder in SOURCE_FOLDERS):
        return False
    manifest = assembly / "manifest.json"
    if not manifest.is_file():
        return True
    made = manifest.stat().st_mtime_ns
    return any(path.stat().st_mtime_ns > made for path in _sources(root))


def _sources(root: Path) -> Iterator[Path]:
    yield from (path for path in (root / "app.py", root / "cdk.json") if path.is_file())
    for folder in SOURCE_FOLDERS:
        yield root / folder
        for path in (root / folder).rglob("*"):
            if "__pycache__" not in path.parts:
                yield path


def environment_of(assembly: Path = ASSEMBLY) -> tuple[str, str] | None:
    """Account and region that the assembly is made for: of several accounts the one that trains."""
    artifacts = list(_artifacts(assembly))
    training = [artifact for artifact in artifacts if str(artifact.get("displayName")).endswith(STARTS_RUNS)]
    for artifact in (*training, *artifacts):
        account, _, region = str(artifact.get("environment", "")).removeprefix("aws://").partition("/")
        if account.isdigit() and region and not region.startswith("unknown"):
            return account, region
    return None


def _artifacts(assembly: Path) -> Iterator[dict[str, Any]]:
    manifest = assembly / "manifest.json"
    if not manifest.is_file():
        return
    for artifact in json.loads(manifest.read_text()).get("artifacts", {}).values():
        if artifact.get("type") == "cdk:cloud-assembly":
            yield from _artifacts(assembly / artifact["properties"]["directoryName"])
        elif artifact.get("type") == "aws:cloudformation:stack":
            yield artifact
