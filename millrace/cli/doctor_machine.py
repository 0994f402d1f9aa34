"""The doctor's look at this machine: what a deployment is started with."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from millrace.cli import project
from millrace.cli.findings import Finding, bad, good

OLDEST_NODE = 20
SECONDS = 30


def tools(*, embedded: bool) -> Iterator[Finding]:
    """Node and the CDK CLI: deploying to AWS needs both, the embedded AWS neither."""
    if embedded:
        yield good("tools", "the embedded AWS needs neither Node nor the CDK CLI")
        return
    node = _version("node")
    number = re.match(r"v?(\d+)", node)
    if number is None or int(number[1]) < OLDEST_NODE:
        yield bad(
            "Node",
            f"found: {node or 'none'}",
            why=f"the CDK CLI runs on Node {OLDEST_NODE} or newer",
            todo="source .venv/bin/activate (it brings one), or install Node",
        )
    else:
        yield good("Node", node)
    yield _cdk()


def _cdk() -> Finding:
    pinned = _pinned()
    found = _version(str(project.ROOT / "node_modules" / ".bin" / "cdk")) or _version("cdk")
    if not found:
        return bad("CDK CLI", "there is none", why="it is what deploys to AWS", todo=f"make cdk (installs {pinned})")
    number = found.split(" ")[0]
    if pinned and _parts(number) < _parts(pinned):
        return bad(
            "CDK CLI",
            f"{number}, older than the pinned {pinned}",
            why="an older CLI refuses the templates of a newer library",
            todo="make cdk",
        )
    return good("CDK CLI", number)


def _pinned() -> str:
    package = project.ROOT / "package.json"
    if not package.is_file():
        return ""
    return str(json.loads(package.read_text("utf-8")).get("dependencies", {}).get("aws-cdk", ""))


def _version(command: str) -> str:
    """What the command says of its version; empty if there is no such command."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which(command, path=path)
    if found is None:
        return ""
    try:
        done = subprocess.run(
            [found, "--version"], capture_output=True, text=True, timeout=SECONDS, env={**os.environ, "PATH": path}
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(each) for each in re.findall(r"\d+", version)[:3])
