"""Hands the requests of our own boto3 clients to the application without a socket; `clients` registers it.

Jobs, deployments and event delivery make most of all requests from inside the server. They are built, signed,
routed, decided, served and parsed like any other one; only TCP, HTTP's text and a second thread are left out.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    environ_key_for_header,
    should_preserve_original_header_name,
)

from millrace.local.clients import VIA_HEADER
from millrace.local.http import INTERNAL_ERROR, NOT_STARTED

log = logging.getLogger("millrace.http")

CHUNK = 1 << 20
# Who makes the request in another's name. From a socket no request can set it: it is no header.
VIA_KEY = "millrace.via"
# The request comes from the server itself, which may act in a session's name without its token.
OWN_KEY = "millrace.own"
VIA_VARIABLE = f"HTTP_{VIA_HEADER.upper().replace('-', '_')}"
PLAIN_HEADERS = ("CONTENT_TYPE", "CONTENT_LENGTH")

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Direct:
    """A handler of botocore's `before-send`: whatever it answers is the response."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            started[:] = [(status, headers)]

        try:
            result = self._application(environ_of(request), start_response)
            body = b"".join(result)
            if hasattr(result, "close"):
                result.close()
        except Exception:
            # As over a socket: an error of the service, after which whoever called tries again.
            log.exception("%s %s failed", request.method, request.url)
            body, started[:] = INTERNAL_ERROR, [NOT_STARTED]
        status, headers = started[0]
        if request.method == "HEAD":
            body = b""
        return AWSResponse(request.url, int(status.split(" ", 1)[0]), dict(headers), _Body(body))


class _Body(io.BytesIO):
    """What botocore reads a response from: urllib3's response, as far as it uses it."""

    def stream(self, amt: int = CHUNK, decode_content: bool | None = None) -> Iterator[bytes]:
        return iter(lambda: self.read(amt), b"")

    def release_conn(self) -> None:
        """Nothing is held."""


def environ_of(request: AWSPreparedRequest) -> dict[str, Any]:
    """The WSGI environment that the HTTP server makes of the request's bytes."""
    url = urlsplit(request.url)
    body = _bytes(request.body)
    target = url.path + (f"?{url.query}" if url.query else "")
    environ: dict[str, Any] = {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": _latin(unquote(url.path) or "/"),
        "QUERY_STRING": _latin(url.query),
        "REQUEST_URI": _latin(target),
        "RAW_URI": _latin(target),
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": 0,
        "SERVER_NAME": url.hostname,
        "SERVER_PORT": str(url.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": url.netloc,
        PRESERVED_HEADER_NAMES_ENVIRON_KEY: {},
        OWN_KEY: True,
    }
    for name, value in request.headers.items():
        _add_header(environ, name, value.decode("latin-1") if isinstance(value, bytes) else str(value))
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    if via := environ.pop(VIA_VARIABLE, ""):
        environ[VIA_KEY] = via
    return environ


def _add_header(environ: dict[str, Any], name: str, value: str) -> None:
    if "_" in name:
        # Metadata of S3 objects may have such names; moto looks here for how they were written.
        if should_preserve_original_header_name(name):
            environ[environ_key_for_header(name)] = value
            environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY][environ_key_for_header(name)] = name
        return
    key = name.upper().replace("-", "_")
    environ[key if key in PLAIN_HEADERS else f"HTTP_{key}"] = value


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, (bytes, bytearray)) else bytes(body.read())


def _latin(text: str) -> str:
    """WSGI carries UTF-8 bytes as latin-1 text."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")
