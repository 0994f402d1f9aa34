"""A private embedded AWS in a process of its own, deployed by the command line, for the benchmark."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[1]
ACCOUNT = "111111111111"
REGION = "ap-northeast-2"
END_SECONDS = 30.0


class Embedded:
    """A running server; `started` is the time from its command to the first answer."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._clients: dict[str, Any] = {}
        began = time.perf_counter()
        with (folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "millrace.local.server", "--folder", str(folder), "--port", "0"],
                cwd=ROOT,
                env=clean_environment() | env,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("ready "):
            self.stop()
            raise SystemExit(f"the embedded AWS did not start:\n{(folder / 'server.log').read_text()}")
        self.url = line.split()[1]
        with urllib.request.urlopen(f"{self.url}/_millrace/health") as answer:
            json.loads(answer.read())
        self.started = time.perf_counter() - began

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")

    @property
    def session(self) -> Any:
        return boto3.session.Session(
            aws_access_key_id=f"AKIA0LOC{ACCOUNT}", aws_secret_access_key="millrace", region_name=REGION
        )

    def client(self, service: str) -> Any:
        """A client of the account's root; made once."""
        if service not in self._clients:
            self._clients[service] = self.session.client(
                service, endpoint_url=self.url, config=Config(retries={"total_max_attempts": 1})
            )
        return self._clients[service]

    def deploy(self, assembly: Path) -> float:
        """Deploy from nothing as a user does, `millrace deploy` as a process; the seconds it took."""
        env = clean_environment() | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": f"AKIA0LOC{ACCOUNT}",
            "AWS_SECRET_ACCESS_KEY": "millrace",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "MILLRACE_HOME": str(self.folder),
        }
        command = [sys.executable, "-m", "millrace", "deploy", "Dev/*", "--no-synth", "--assembly", str(assembly)]
        return timed(command, env=env, cwd=ROOT)

    def stop(self) -> None:
        for client in self._clients.values():
            client.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(END_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()


@contextlib.contextmanager
def running(folder: Path, **env: str) -> Iterator[Embedded]:
    embedded = Embedded(folder, **env)
    try:
        yield embedded
    finally:
        embedded.stop()


def clean_environment() -> dict[str, str]:
    """This process's environment without what could lead to another AWS."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("AWS_", "MILLRACE_"))}
    return kept | {"AWS_EC2_METADATA_DISABLED": "true"}


def timed(command: list[str], *, env: dict[str, str], cwd: Path) -> float:
    """Run a command that must succeed; the seconds from its start to its end."""
    began = time.perf_counter()
    ended = subprocess.run(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{ended.stdout}\n{ended.stderr}")
    return seconds


def eventually(look: Any, *, what: str, seconds: float = 180.0, pause: float = 0.05) -> Any:
    """What `look` answers as soon as it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(pause)
    raise SystemExit(f"{what} did not happen in {seconds:.0f} s")
