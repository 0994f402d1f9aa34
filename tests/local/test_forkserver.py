"""Children of the fork server: what they see, how they end, what they cannot reach."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millrace.errors import MillraceError
from millrace.local.forkserver import client
from millrace.local.forkserver.client import ForkServer


@pytest.fixture(scope="module", params=["fork", "exec"])
def server(request: pytest.FixtureRequest) -> Iterator[ForkServer]:
    made = ForkServer(Path(sys.prefix) / "environments" / "lambda-python", exec_only=request.param == "exec")
    yield made
    made.stop()


def run(server: ForkServer, argv: list[str], cwd: Path, **options: Any) -> tuple[int | None, str]:
    """Run to the end; the exit code and all that was printed."""
    reader, writer = os.pipe()
    child = server.spawn(argv, env=options.pop("env", {}), cwd=cwd, stdout=writer, stderr=writer, **options)
    os.close(writer)
    with os.fdopen(reader) as output:
        printed = output.read()
    return child.wait(), printed


def test_a_script_gets_its_arguments_environment_and_folder_and_nothing_else(
    server: ForkServer, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text("import os, sys\nprint(sys.argv[1:], sorted(os.environ), os.getcwd(), sys.path[0])")

    code, printed = run(server, ["python3", str(script), "a", "b c"], tmp_path, env={"ONLY": "this", "LC_ALL": "C"})

    assert code == 0
    assert printed.split("\n")[0] == f"['a', 'b c'] ['LC_ALL', 'ONLY'] {tmp_path} {tmp_path}"


def test_a_module_runs_from_the_working_folder(server: ForkServer, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import sys, sibling\nprint(__name__, sys.argv[1:], sibling.VALUE)")
    (tmp_path / "sibling.py").write_text("VALUE = 7")

    assert run(server, ["python", "-m", "train", "--x", "1"], tmp_path) == (0, "__main__ ['--x', '1'] 7\n")


def test_an_exception_prints_a_traceback_that_starts_in_the_script(server: ForkServer, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("def f():\n    raise ValueError('bad row')\nf()\n")

    code, printed = run(server, ["python3", str(script)], tmp_path)

    assert code == 1
    lines = printed.strip().split("\n")
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == f'  File "{script}", line 3, in <module>'
    assert lines[-1] == "ValueError: bad row"


@pytest.mark.parametrize(("ending", "code"), [("sys.exit(3)", 3), ("sys.exit('no')", 1), ("sys.exit()", 0)])
def test_the_exit_code_is_the_interpreters(server: ForkServer, tmp_path: Path, ending: str, code: int) -> None:
    script = tmp_path / "script.py"
    script.write_text(f"import sys\n{ending}")

    assert run(server, ["python3", str(script)], tmp_path)[0] == code


def test_what_exit_handlers_and_threads_print_is_not_lost(server: ForkServer, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import atexit, threading\natexit.register(print, 'last')\n"
        "threading.Timer(0.05, print, ['thread']).start()\nprint('first')"
    )

    assert run(server, ["python3", str(script)], tmp_path) == (0, "first\nthread\nlast\n")


def test_packages_of_the_toolbox_cannot_be_imported(server: ForkServer, tmp_path: Path) -> None:
    for module in ("millrace", "moto", "typer"):
        code, printed = run(server, ["python3", "-c", f"import {module}"], tmp_path)
        assert code == 1
        assert f"No module named '{module}'" in printed


def test_a_signal_reaches_the_whole_group_and_is_reported(server: ForkServer, tmp_path: Path) -> None:
    child = server.spawn(["/bin/sh", "-c", "sleep 60 & sleep 60"], env={"PATH": "/bin:/usr/bin"}, cwd=tmp_path)
    assert child.wait(0.05) is None

    child.signal(signal.SIGTERM)

    assert child.wait(20) == -signal.SIGTERM


def test_without_a_network_nothing_outside_can_be_reached(server: ForkServer, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import socket, sys\n"
        "try:\n    socket.create_connection(('127.0.0.1', int(sys.argv[1])), 2)\n"
        "except OSError:\n    print('out of reach')\nelse:\n    print('reached')\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        argv = ["python3", str(script), str(listener.getsockname()[1])]

        assert run(server, argv, tmp_path) == (0, "reached\n")
        assert run(server, argv, tmp_path, network=False) == (0, "out of reach\n")


def test_a_program_that_does_not_exist_is_named(server: ForkServer, tmp_path: Path) -> None:
    code, printed = run(server, ["/no/such/program"], tmp_path)

    assert code == 1
    assert "/no/such/program" in printed or "No such file" in printed


def test_a_missing_environment_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MillraceError, match="make setup"):
        ForkServer(tmp_path / "nowhere")


def test_a_fork_server_that_hangs_is_ended_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "START_SECONDS", 0.3)
    server = ForkServer(Path(sys.prefix) / "environments" / "lambda-python")
    os.kill(server._process.pid, signal.SIGSTOP)

    with pytest.raises(MillraceError, match="has not started python in 0 s"):
        server.spawn(["python", "script.py"], env={}, cwd=tmp_path)
    server._process.wait(10)
    assert not server.alive()
    server.stop()


def test_a_signal_right_after_the_start_is_not_lost(server: ForkServer, tmp_path: Path) -> None:
    for _ in range(20):
        child = server.spawn(["/bin/sleep", "60"], env={}, cwd=tmp_path)
        child.signal(signal.SIGTERM)

        assert child.wait(20) == -signal.SIGTERM


@pytest.fixture
def forking() -> Iterator[ForkServer]:
    """Only forked children know the names of their peers: a new interpreter does not."""
    made = ForkServer(Path(sys.prefix) / "environments" / "lambda-python")
    yield made
    made.stop()


LISTEN = """
import socket, sys
with socket.create_server((socket.gethostbyname("algo-1"), 7070)) as server:
    print("listening", flush=True)
    print(server.accept()[0].makefile().read(), flush=True)
"""
CALL = """
import socket, sys
line = socket.socket()
line.settimeout(5)
line.connect(("algo-1", 7070))
line.sendall(b"hello from algo-2")
"""


def test_isolated_peers_reach_each_other_by_name_and_nobody_else_reaches_them(
    forking: ForkServer, tmp_path: Path
) -> None:
    for name, text in (("listen.py", LISTEN), ("call.py", CALL)):
        (tmp_path / name).write_text(text)
    hosts = {"algo-1": "127.0.0.2", "algo-2": "127.0.0.3"}
    reader, writer = os.pipe()
    listening = forking.spawn(
        ["python3", str(tmp_path / "listen.py")],
        env={}, cwd=tmp_path, stdout=writer, stderr=writer, network=False, peers="job", hosts=hosts,
    )  # fmt: skip
    os.close(writer)
    with os.fdopen(reader) as printed:
        assert printed.readline() == "listening\n"
        call = ["python3", str(tmp_path / "call.py")]
        stranger, said = run(forking, call, tmp_path, network=False, peers="another job", hosts=hosts)
        assert (stranger, "refused" in said) == (1, True)
        assert run(forking, call, tmp_path, network=False, peers="job", hosts=hosts) == (0, "")
        assert printed.readline() == "hello from algo-2\n"
    assert listening.wait() == 0
