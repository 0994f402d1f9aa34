"""The model server as a process of its own, without the embedded AWS around it."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from millrace.local.serving.instance import ENDPOINT_BYTES, SERVER, server_packages
from tests.step_runs import IMAGE_PYTHON

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class ModelServer:
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            reply = connection.getresponse()
            return Reply(reply.status, {name.lower(): text for name, text in reply.getheaders()}, reply.read())

    def invoke(self, body: bytes, **headers: str) -> Reply:
        """`content_type` becomes Content-Type."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.request("POST", "/invocations", body, named)

    def send(self, raw: bytes, *, ends: bool = True) -> bytes:
        """What comes back to bytes that need not be HTTP, until the server closes."""
        with socket.create_connection((HOST, self.port), timeout=10) as connection:
            connection.sendall(raw)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            found = b""
            with contextlib.suppress(ConnectionError):
                while part := connection.recv(65536):
                    found += part
            return found

    def memory(self, name: str = "VmHWM") -> int:
        """The most bytes that were resident so far, or those that are (VmRSS)."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))

    def lives(self) -> bool:
        return self.process.poll() is None and self.request("GET", "/ping").status == 200


def answers(server: ModelServer) -> bool:
    """Whether it answers /ping; a process that ends instead closes its socket, and with it the connection."""
    try:
        return server.request("GET", "/ping").status == 200
    except ConnectionError:
        server.process.wait(10)
        return False


@contextlib.contextmanager
def serving(model: Path, *, most_bytes: int = ENDPOINT_BYTES, **env: str) -> Iterator[ModelServer]:
    """A server of the model in this folder, its code in `code/inference.py`; it answers /ping."""
    with tempfile.TemporaryDirectory() as home, socket.create_server((HOST, 0), backlog=256) as listener:
        (Path(home) / "model").symlink_to(model)
        log = Path(home) / "log"
        variables = {
            "SAGEMAKER_BASE_DIR": home, "SAGEMAKER_PROGRAM": "inference.py", "PYTHONUNBUFFERED": "1",
            "SAGEMAKER_SUBMIT_DIRECTORY": str(model / "code"), "PYTHONDONTWRITEBYTECODE": "1", **env,
        }  # fmt: skip
        with log.open("wb") as out:
            process = subprocess.Popen(
                [str(IMAGE_PYTHON), str(SERVER), server_packages(), str(most_bytes)],
                stdin=listener.fileno(), stdout=out, stderr=out, env=variables, cwd=home,
            )  # fmt: skip
        server = ModelServer(process, listener.getsockname()[1], log)
        listener.close()
        try:
            assert answers(server), f"the server did not start ({process.poll()}):\n{log.read_text()}"
            yield server
        finally:
            process.terminate()
            process.wait(10)
