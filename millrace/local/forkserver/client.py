"""The embedded AWS's side of the fork server: start a child in an image's environment, wait for it, signal it."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from millrace.errors import MillraceError

SERVER = Path(__file__).with_name("server.py")
# The longest that a start may take; the first one waits for the libraries to be loaded.
START_SECONDS = 120.0

# What is worth having in memory before a child of the environment starts; the rest it imports itself.
PRELOADS: dict[str, tuple[str, ...]] = {
    "sagemaker-xgboost-3.2-0": (
        "numpy",
        "pandas",
        "pyarrow.compute",
        "pyarrow.csv",
        "xgboost",
        "matplotlib.figure",
        "matplotlib.backends.backend_svg",
    ),
    "lambda-python": ("boto3", "botocore.session", "botocore.handlers", "json", "logging"),
}


def environments_folder() -> Path:
    """Where the images' Python environments are: $MILLRACE_ENVIRONMENTS, else beside the running one."""
    return Path(os.environ.get("MILLRACE_ENVIRONMENTS") or Path(sys.prefix) / "environments")


class Child:
    """A running or ended child; `pid` is also its process group."""

    def __init__(self, pid: int, reply: socket.socket) -> None:
        self.pid = pid
        self._reply = reply
        self._lock = threading.Lock()
        self._returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit code (negative: the signal that ended it), or None if it still runs after `timeout` seconds."""
        with self._lock:
            if self._returncode is None and self._readable(timeout):
                answer = self._reply.recv(4)
                # A fork server that died took its children with it (they get SIGKILL).
                self._returncode = struct.unpack("!i", answer)[0] if len(answer) == 4 else -signal.SIGKILL
                self._reply.close()
            return self._returncode

    def _readable(self, timeout: float | None) -> bool:
        poll = select.poll()
        poll.register(self._reply, select.POLLIN)
        return bool(poll.poll(None if timeout is None else timeout * 1000))

    def signal(self, number: int) -> None:
        """Send a signal to the whole process group; nothing happens when it has ended."""
        if self._returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)


class ForkServer:
    """One fork server process for one environment; `spawn` may be called from any thread.

    Its children see the time of the file `clock` (`Clock.file`), else the machine's.
    """

    def __init__(
        self,
        environment: Path,
        *,
        preload: tuple[str, ...] = (),
        clock: Path | None = None,
        exec_only: bool = False,
    ) -> None:
        python = environment / "bin" / "python"
        if not python.exists():
            raise MillraceError(
                f"The Python environment {environment} does not exist. Run `make setup`, "
                "or point MILLRACE_ENVIRONMENTS at the folder that holds it."
            )
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair()
        mode = ["exec"] if exec_only else []
        self._process = subprocess.Popen(
            [str(python), "-I", str(SERVER), str(theirs.fileno()), ",".join(preload), str(clock or ""), *mode],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={"HOME": "/nonexistent", "PATH": "/usr/local/bin:/usr/bin:/bin", "MPLBACKEND": "agg"},
            start_new_session=True,
        )
        theirs.close()
        ours.settimeout(START_SECONDS)
        self._control = ours

    def spawn(
        self,
        argv: list[str],
        *,
        env: dict[str, str],
        cwd: Path,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        network: bool = True,
        peers: str | None = None,
        hosts: Mapping[str, str] | None = None,
        ml: Path | None = None,
    ) -> Child:
        """Start `argv` with exactly this environment and folder; None for a stream means /dev/null.

        Children without a network reach each other when they have the same `peers`; `hosts` are names and addresses
        that Python code in the child can look up. `ml` is what the child finds at /opt/ml, where the system allows it:
        a folder of that name, in a folder that holds nothing else.
        """
        order = {"argv": list(argv), "env": env, "cwd": str(cwd), "network": network, "peers": peers}
        order |= {"hosts": dict(hosts or {}), "ml": str(ml) if ml else None}
        body = json.dumps(order).encode()
        ours, theirs = socket.socketpair()
        null = os.open(os.devnull, os.O_RDWR)
        try:
            streams = [null if fd is None else fd for fd in (stdin, stdout, stderr)]
            with self._lock:
                socket.send_fds(self._control, [struct.pack("!I", len(body))], [theirs.fileno(), *streams])
                self._control.sendall(body)
        except OSError as error:
            ours.close()
            self._process.kill()  # one that takes no orders, or half of one, is of no use to anyone
            raise MillraceError(f"The fork server has ended, {argv[0]} cannot start: {error}") from error
        finally:
            theirs.close()
            os.close(null)
        try:
            ours.settimeout(START_SECONDS)
            answer = ours.recv(4)
        except TimeoutError as error:
            ours.close()
            self._process.kill()  # the next start makes another one
            raise MillraceError(f"The fork server has not started {argv[0]} in {START_SECONDS:.0f} s") from error
        ours.settimeout(None)
        if len(answer) < 4:
            ours.close()
            raise MillraceError(f"The fork server ended before {argv[0]} started")
        return Child(struct.unpack("!i", answer)[0], ours)

    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End the server and, with it, every child that still runs."""
        self._control.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
            return
        self._process.kill()
        self._process.wait()


class Runtimes:
    """The fork servers by environment name, each started when first needed."""

    def __init__(self, clock: Path | None = None) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._servers: dict[str, ForkServer] = {}

    def get(self, environment: str) -> ForkServer:
        with self._lock:
            server = self._servers.get(environment)
            if server is None or not server.alive():
                server = self._servers[environment] = ForkServer(
                    environments_folder() / environment,
                    preload=PRELOADS.get(environment, ()),
                    clock=self._clock,
                    exec_only=os.environ.get("MILLRACE_FORK_SERVER") == "off",
                )
            return server

    def stop(self) -> None:
        with self._lock:
            servers, self._servers = list(self._servers.values()), {}
        for server in servers:
            server.stop()
