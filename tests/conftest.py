"""A running embedded AWS for tests, spoken to over HTTP as any client would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]
ACCOUNT = "111111111111"
REGION = "ap-northeast-2"

# One place for what no test may inherit from the machine: credentials, profiles, endpoints.
for name in [name for name in os.environ if name.startswith(("AWS_", "MILLRACE_"))]:
    del os.environ[name]
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
# A shell's background jobs are deaf to SIGINT, and so would be what the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine makes no property false. The same examples each time, so that chance refuses no change: others come
# with `pytest --hypothesis-profile=random`.
settings.register_profile("millrace", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("random", settings.get_profile("millrace"), derandomize=False)
settings.load_profile("millrace")

# The dearest first: a worker that begins one of them at the end is waited for by the other.
FIRST = ("e2e", "chaos", "local", "stacks", "steps")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the folders; within them everything stays as it is, whole files go to one worker."""

    def turn(item: pytest.Item) -> int:
        folder = item.path.relative_to(ROOT / "tests").parts[0] if item.path.is_relative_to(ROOT / "tests") else ""
        return FIRST.index(folder) if folder in FIRST else len(FIRST)

    items.sort(key=turn)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A file's bytes may hold the time at which a worker made them: all workers must find the same tests."""
    return argname if isinstance(val, bytes) and len(val) > 20 else None


class Embedded:
    """A server process of its own on a free port; `stop` ends it."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._clients: dict[tuple[str, ...], Any] = {}
        with (folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "millrace.local.server", "--folder", str(folder), "--port", "0"],
                cwd=ROOT,
                env={**os.environ, **env},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            self.stop()
            pytest.fail((folder / "server.log").read_text(), pytrace=False)
        self.url = line.split()[1]

    def client(self, service: str, *, account: str = ACCOUNT, region: str = REGION) -> Any:
        """A boto3 client with the root credentials of `account`."""
        import boto3

        key = (service, account, region)
        if key not in self._clients:
            self._clients[key] = boto3.session.Session(
                aws_access_key_id=f"AKIA0LOC{account}", aws_secret_access_key="x", region_name=region
            ).client(service, endpoint_url=self.url)
        return self._clients[key]

    def env(self, *, account: str = ACCOUNT, region: str = REGION) -> dict[str, str]:
        """The environment with which any AWS client talks to this server."""
        return {
            **os.environ,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": f"AKIA0LOC{account}",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_DEFAULT_REGION": region,
            "AWS_REGION": region,
            "MILLRACE_HOME": str(self.folder),
        }

    def internal(self, route: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask one of the embedded AWS's own routes; with a body it is a POST."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.url}/_millrace/{route}", data=data) as answer:
            return dict(json.loads(answer.read()))

    def advance(self, seconds: float) -> None:
        """Move the embedded AWS's clock forward."""
        self.internal("clock", {"advance": seconds})

    def stop(self) -> None:
        for client in self._clients.values():
            client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        finally:
            self.process.kill()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process.wait()


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """One server for all tests of the session: give your resources names of their own."""
    server = Embedded(tmp_path_factory.mktemp("embedded"))
    yield server
    server.stop()


@pytest.fixture
def embedded_factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Embedded]]:
    """Make private servers, for tests that stop, crash or count."""
    made: list[Embedded] = []

    def make(folder: Path | None = None, **env: str) -> Embedded:
        made.append(Embedded(folder or tmp_path_factory.mktemp("private"), **env))
        return made[-1]

    yield make
    for server in made:
        server.stop()
