"""HTTP/1.1 with kept-alive connections for the embedded AWS: one thread per connection, in `server`.

werkzeug's own handler closes every connection after one answer because it cannot know whether a request's
body was read. Here the body is read first, so that the next request on the connection starts where it should;
a boto3 client then saves a connection, and its thread, per call.
"""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import IO, Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import DechunkedInput

log = logging.getLogger("millrace.http")

IN_MEMORY_BYTES = 16 * 1024 * 1024
COPY_BYTES = 1024 * 1024
# send_response writes the first two; the connection's fate is decided here, not by the application.
WRITTEN_BY_US = ("server", "date", "connection", "transfer-encoding")
NOT_STARTED: tuple[str, list[tuple[str, str]]] = ("500 Internal Server Error", [("Content-Type", "text/plain")])
INTERNAL_ERROR = b"internal error of the embedded AWS, see its log"
NO_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class Application:
    """Stands in for the WSGI application until it is built (its services need the port first)."""

    target: Callable[..., Iterable[bytes]]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self.target(environ, start_response)


class RequestHandler(MotoRequestHandler):
    """Reads a request whole, calls the application, answers with a length, keeps the connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024

    def run_wsgi(self) -> None:
        try:
            if self.headers.get("Expect", "").strip().lower() == "100-continue":
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                self.wfile.flush()
            environ = self.make_environ()
            body = self._read_body(environ)
            with body:
                environ["wsgi.input"] = body
                self._answer(environ)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _read_body(self, environ: dict[str, Any]) -> IO[bytes]:
        """The body, decoded if chunked; `HTTP_TRANSFER_ENCODING` gives way to `CONTENT_LENGTH`."""
        if environ.get("wsgi.input_terminated"):
            body: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115
            chunks = io.BufferedReader(DechunkedInput(self.rfile))  # type: ignore[type-var,arg-type]
            length = 0
            while part := chunks.read(COPY_BYTES):
                body.write(part)
                length += len(part)
            environ.pop("HTTP_TRANSFER_ENCODING", None)
            environ.pop("wsgi.input_terminated", None)
            environ["CONTENT_LENGTH"] = str(length)
            body.seek(0)
            return body
        return io.BytesIO(self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0)))

    def _answer(self, environ: dict[str, Any]) -> None:
        started: tuple[str, list[tuple[str, str]]] = NOT_STARTED

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            nonlocal started
            started = status, headers

        try:
            result = self.server.app(environ, start_response)  # type: ignore[arg-type]
            body = b"".join(result)
            if hasattr(result, "close"):
                result.close()
        except Exception:
            log.exception("%s %s failed", self.command, self.path)
            started = NOT_STARTED
            body = INTERNAL_ERROR
        self._send(*started, body)

    def _send(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason or None)
        named = {name.lower() for name, _ in headers}
        for name, value in headers:
            if name.lower() not in WRITTEN_BY_US:
                self.send_header(name, str(value))
        if "content-length" not in named and int(code) not in NO_BODY:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        return
