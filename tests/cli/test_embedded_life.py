"""`millrace up`, `down`, `reset`, `env` and the status, as processes that a user starts."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Millrace = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def millrace(home: Path) -> Iterator[Millrace]:
    """Run a command with a state folder of its own; whatever is up at the end is stopped."""

    def run(*arguments: str, port: str = "0", answer: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "millrace", *arguments],
            cwd=ROOT,
            env={**os.environ, "MILLRACE_HOME": str(home), "MILLRACE_PORT": port},
            input=answer,
            capture_output=True,
            text=True,
            timeout=120,
        )

    yield run
    run("down")


def server_pid(home: Path) -> int:
    found = re.search(r'"pid": (\d+)', (home / "server.json").read_text())
    assert found
    return int(found[1])


def test_up_starts_once_and_down_ends_it(millrace: Millrace) -> None:
    assert "Next: millrace demo" in millrace().stdout

    first, second = millrace("up"), millrace("up")

    assert "is up at http://127.0.0.1:" in first.stdout
    assert "was already up" in second.stdout
    assert "Next: millrace deploy" in millrace().stdout
    url = re.findall(r"http://\S+", first.stdout)[0]
    assert "stopped" in millrace("down").stdout
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{url}/_millrace/health")
    assert "not running" in millrace("down").stdout


def test_a_server_that_crashed_is_simply_started_again(millrace: Millrace, home: Path) -> None:
    millrace("up")
    os.kill(server_pid(home), signal.SIGKILL)

    assert "not running" in millrace().stdout
    assert "is up at" in millrace("up").stdout


def test_a_taken_port_is_told_in_one_line_with_what_to_do(millrace: Millrace) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        ended = millrace("up", port=str(port))

    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert str(port) in ended.stderr
    assert "MILLRACE_PORT" in ended.stderr


def test_a_port_that_another_clone_uses_is_told_with_its_folder(millrace: Millrace, home: Path, tmp_path: Path) -> None:
    url = re.findall(r"http://\S+", millrace("up").stdout)[0]
    elsewhere = {**os.environ, "MILLRACE_HOME": str(tmp_path / "other"), "MILLRACE_PORT": url.rpartition(":")[2]}

    command = [sys.executable, "-m", "millrace", "up"]
    ended = subprocess.run(command, cwd=ROOT, env=elsewhere, capture_output=True, text=True, timeout=60)

    assert ended.returncode == 1
    assert f"belongs to the embedded AWS of {home}" in ended.stderr


def test_env_makes_the_shell_talk_to_the_embedded_aws(shell: Any) -> None:
    printed = shell("env").out
    script = f"{printed}\nexec {sys.executable} -c 'import boto3; print(boto3.client(\"sts\").get_caller_identity())'"

    ended = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60)

    assert "'Account': '333333333333'" in ended.stdout, ended.stderr


def test_reset_asks_before_it_deletes(millrace: Millrace, home: Path) -> None:
    millrace("up")

    assert millrace("reset", answer="n\n").returncode == 1
    assert (home / "server.json").exists()
    assert millrace("reset", answer="y\n").returncode == 0
    assert not home.exists()


def test_reset_leaves_a_folder_alone_that_is_not_its_own(millrace: Millrace, home: Path) -> None:
    home.mkdir()
    (home / "thesis.txt").write_text("years of work")

    ended = millrace("reset", "--yes")

    assert ended.returncode == 1
    assert (home / "thesis.txt").exists()


@pytest.mark.parametrize("command", ["deploy", "runs", "logs", "report", "approve", "invoke", "env", "clock"])
def test_without_a_server_every_command_says_how_to_start_one(millrace: Millrace, command: str) -> None:
    ended = millrace(command)

    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "millrace up" in ended.stderr


def test_wrong_usage_is_told_without_a_traceback(millrace: Millrace) -> None:
    ended = millrace("runs", "--folow")

    assert ended.returncode == 2
    assert "--follow" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_wrong_account_is_refused(shell: Any) -> None:
    assert "12 digits" in shell("env", "--account", "12").err
