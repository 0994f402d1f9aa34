"""One serving process: started through the image's fork server, asked over HTTP on 127.0.0.1."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from millrace.errors import MillraceError
from millrace.local.cloudwatch_logs import LogStream
from millrace.local.forkserver.client import environments_folder
from millrace.local.sagemaker.jobs.process import lines_of
from millrace.local.world import World

SERVER = Path(__file__).with_name("server.py")
PACKAGES = "model-server"
ENDPOINT_BYTES, TRANSFORM_BYTES = 6 << 20, 100 << 20
"""The longest body that an endpoint takes, and a transform job."""
HOST = "127.0.0.1"
INVOCATION_SECONDS = 60.0
TERM_SECONDS = 5.0
TAIL_LINES = 200


@dataclass(frozen=True)
class Answer:
    """What the container answered."""

    status: int
    content_type: str | None
    custom_attributes: str | None
    body: bytes


class Gone(Exception):
    """The process closed the connection: it has ended, or is about to."""


def server_packages() -> str:
    """Where uvicorn is: an environment of its own, so that the image's stays as it is."""
    environment = environments_folder() / PACKAGES
    found = next(environment.glob("lib/python*/site-packages"), None)
    if found is None:
        raise MillraceError(f"The Python environment {environment} does not exist. Run `make setup`.")
    return str(found)


class Instance:
    """A started process; `ready` waits until it answers /ping."""

    def __init__(
        self,
        world: World,
        *,
        environment: str,
        env: dict[str, str],
        cwd: Path,
        ml: Path,
        network: bool,
        log: LogStream,
        most_bytes: int = ENDPOINT_BYTES,
    ) -> None:
        self.lines: deque[str] = deque(maxlen=TAIL_LINES)
        self._log = log
        self._idle: deque[http.client.HTTPConnection] = deque()
        self.ended = threading.Event()
        # Made here, so that the port is known, requests queue until the model is loaded, and a process
        # without a network of its own still has this one door. It closes when the process ends.
        listener = socket.create_server((HOST, 0), backlog=256)
        self.port: int = listener.getsockname()[1]
        reader, writer = os.pipe()
        try:
            self.child = world.runtimes.get(environment).spawn(
                ["python3", str(SERVER), server_packages(), str(most_bytes)],
                env=env,
                cwd=cwd,
                ml=ml,
                stdin=listener.fileno(),
                stdout=writer,
                stderr=writer,
                network=network,
            )
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
            listener.close()
        self._pump_thread = world.spawn(self._pump, reader, name=f"endpoint log of {self.child.pid}")

    def ready(self, seconds: float) -> bool:
        """Whether it answered /ping with 200 in time."""
        try:
            return self._request("GET", "/ping", None, {}, timeout=seconds).status == 200
        except (Gone, TimeoutError):
            return False

    def invoke(self, body: bytes, headers: dict[str, str], *, seconds: float = INVOCATION_SECONDS) -> Answer:
        """Gone when the process ended, TimeoutError when it took too long: 60 seconds at an endpoint."""
        return self._request("POST", "/invocations", body, headers, timeout=seconds)

    def wait(self) -> int | None:
        """Until the process has ended and its log is read."""
        code = self.child.wait()
        self._pump_thread.join(TERM_SECONDS)
        self.ended.set()
        return code

    def stop(self) -> None:
        self.child.signal(signal.SIGTERM)
        if self.child.wait(TERM_SECONDS) is None:
            self.child.kill()
            self.child.wait()
        while self._idle:
            self._idle.pop().close()

    def _request(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], *, timeout: float
    ) -> Answer:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = http.client.HTTPConnection(HOST, self.port)
        try:
            connection.timeout = timeout
            if connection.sock is not None:
                connection.sock.settimeout(timeout)
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
        except TimeoutError:
            connection.close()
            raise
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Gone(str(error)) from error
        self._idle.append(connection)
        return Answer(
            response.status,
            response.getheader("Content-Type"),
            response.getheader("X-Amzn-SageMaker-Custom-Attributes"),
            content,
        )

    def _pump(self, reader: int) -> None:
        for line in lines_of(reader):
            self.lines.append(line)
            self._log.write(line)
        self._log.close()
