"""Starts and stops the embedded AWS. The only part of the command line that touches `millrace.local`."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace.cli import project
from millrace.errors import MillraceError

START_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Server:
    """A running embedded AWS, as `server.json` in its folder describes it."""

    url: str
    pid: int
    folder: Path


def find(folder: Path | None = None) -> Server | None:
    """The embedded AWS of this folder, or None when none answers there."""
    folder = folder or project.home()
    try:
        known = json.loads((folder / "server.json").read_text())
        server = Server(url=str(known["url"]), pid=int(known["pid"]), folder=folder)
    except (OSError, ValueError, KeyError):
        return None
    return server if _answers(server) else None


def start() -> tuple[Server, bool]:
    """The embedded AWS of the state folder, and whether this call started it."""
    folder = project.home()
    folder.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(folder):
        running = find(folder)
        if running:
            return running, False
        return _launch(folder), True


def stop(server: Server) -> None:
    """Ask the server to end and wait until it has: its children end with it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(server.pid, signal.SIGTERM)
    if not _wait(lambda: not _alive(server.pid), seconds=STOP_SECONDS):
        raise MillraceError(
            f"the embedded AWS (process {server.pid}) did not stop in {STOP_SECONDS:.0f} s: kill -9 {server.pid}"
        )
    (server.folder / "server.json").unlink(missing_ok=True)


def is_state(folder: Path) -> bool:
    """Whether the folder was made by an embedded AWS: never delete another one."""
    return (folder / "server.log").is_file() or (folder / "start.lock").is_file()


def remove_state(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def call(
    server: Server, path: str, body: dict[str, Any] | None = None, *, method: str | None = None, seconds: float = 10.0
) -> dict[str, Any]:
    """One request to the routes that only the embedded AWS has (`/_millrace/...`)."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(server.url + path, data=data, headers=headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=seconds) as response:
        answer: dict[str, Any] = json.loads(response.read() or b"{}")
        return answer


def _answers(server: Server) -> bool:
    try:
        health = call(server, "/_millrace/health")
    except (OSError, ValueError):
        return False
    return int(health.get("pid", server.pid)) == server.pid


def _launch(folder: Path) -> Server:
    log = folder / "server.log"
    command = [sys.executable, "-m", "millrace.local.server", "--folder", str(folder), "--port", str(project.port())]
    (folder / "server.json").unlink(missing_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=project.ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _wait(lambda: process.poll() is not None or find(folder) is not None, seconds=START_SECONDS)
        server = find(folder)
    except BaseException:
        process.terminate()
        process.wait(STOP_SECONDS)
        raise
    if server is None:
        process.kill()
        reason = _neighbour(folder) or f"{_last_line(log)} (all of it: {project.short(log)})"
        raise MillraceError(f"the embedded AWS did not start: {reason}")
    return server


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    import fcntl

    with (folder / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _wait(condition: Any, *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(POLL_SECONDS)
    return bool(condition())


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with contextlib.suppress(OSError):  # a process that ended and whose parent has not noticed is not alive
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def _neighbour(folder: Path) -> str | None:
    """Who has the port, when it is another embedded AWS (of another clone, or of a deleted folder)."""
    port = project.port()
    try:
        other = call(Server(f"http://127.0.0.1:{port}", 0, folder), "/_millrace/health", seconds=1.0)
    except (OSError, ValueError):
        return None
    return (
        f"port {port} belongs to the embedded AWS of {other.get('folder')} (process {other.get('pid')}): "
        f"stop that one, or use another port: MILLRACE_PORT={port + 1}"
    )


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ") if lines else "it printed nothing"
