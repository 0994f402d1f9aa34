"""The command line in this process, against the session's embedded AWS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from millrace.cli.app import main

ACCOUNT = "333333333333"
REGION = "ap-northeast-2"


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

    def __call__(self, *arguments: str) -> Answer:
        code = main(["--account", ACCOUNT, "--region", REGION, *arguments])
        printed = self.capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    def client(self, service: str) -> Any:
        return self.aws.client(service, account=ACCOUNT, region=REGION)


@pytest.fixture
def shell(
    embedded: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer] | Shell:
    monkeypatch.setenv("MILLRACE_HOME", str(embedded.folder))
    return Shell(embedded, capsys)
