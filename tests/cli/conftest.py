"""The command line in this process, against the session's embedded AWS."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from millrace.cli.app import main
from tests.cli.trigger_lab import SECOND, TOLD, Trigger

ACCOUNT = "333333333333"
REGION = "ap-northeast-2"
# Counted, not drawn: two tests with one account see each other's runs, and what draws may be seeded alike.
ACCOUNTS = itertools.count(600_000_000_001)


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Shell:
    """Runs commands in an account that no other test uses."""

    aws: Any
    capsys: pytest.CaptureFixture[str]
    account: str = ACCOUNT

    def __call__(self, *arguments: str) -> Answer:
        code = main(["--account", self.account, "--region", REGION, *arguments])
        printed = self.capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command as a process of its own, for what happens while it runs; read its `stdout`."""
        command = [sys.executable, "-u", "-m", "millrace", "--account", self.account, "--region", REGION, *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def client(self, service: str) -> Any:
        return self.aws.client(service, account=self.account, region=REGION)


@pytest.fixture
def shell(
    embedded: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer] | Shell:
    monkeypatch.setenv("MILLRACE_HOME", str(embedded.folder))
    return Shell(embedded, capsys)


@pytest.fixture
def trigger(embedded: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Trigger:
    """An account of its own with the resources of a trigger; `trigger.shell` runs commands in it."""
    monkeypatch.setenv("MILLRACE_HOME", str(embedded.folder))
    return Trigger(Shell(embedded, capsys, str(next(ACCOUNTS))))


@pytest.fixture
def two_models(embedded: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Trigger:
    """As `trigger`, with a second model beside claims-fraud: abalone, which has one table."""
    monkeypatch.setenv("MILLRACE_HOME", str(embedded.folder))
    shell = Shell(embedded, capsys, str(next(ACCOUNTS)))
    return Trigger(shell, (SECOND, TOLD))
