"""The ASGI application around the user's functions: /ping and /invocations; used by server.py, within the process.

The user's code runs in threads, so that a long prediction holds up neither /ping nor other requests, and may itself
use asyncio. Only code that asks for it (SHORT_BYTES, the longest body that it answers in no time) is called between
two requests, which saves two changes of threads, and only as long as it is as quick as it says.

A body is looked at before it is taken: one that is too large is refused and thrown away as it arrives. Only a few
large ones are taken at a time; the others wait in their connections. Standard library only.
"""

import asyncio
import json
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from server_toolkit import Container, Response

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

THREADS = 40
LARGE_BYTES, LARGE_AT_ONCE = 1 << 18, 4
SLOW_SECONDS, IN_THREADS = 0.05, 1000
"""After an answer that took longer, so many requests run in threads, however short they are."""
LEFT_OUT = (b"content-length", b"connection", b"transfer-encoding")
INTERNAL_ERROR = (
    b"<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n<h1>Internal Server Error</h1>\n"
    b"<p>The server encountered an internal error and was unable to complete your request. Either the server is "
    b"overloaded or there is an error in the application.</p>\n"
)
HTML = [("Content-Type", "text/html; charset=utf-8")]
PING: Response = (200, [("Content-Type", "application/json")], b"")


class TooLarge(Exception):
    """The body has more bytes than are taken."""


class Gone(Exception):
    """The client left before its request was there."""


class Application:
    """`most_bytes` is the longest body; 0 takes any."""

    def __init__(self, container: Container, *, most_bytes: int) -> None:
        self._container = container
        self._most_bytes = most_bytes
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._in_threads = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            status, headers, body = await self._answer(scope, receive)
            head = [pair for pair in map(_encoded, headers) if pair[0].lower() not in LEFT_OUT]
        except Gone:
            return
        except Exception:  # noqa: BLE001 - the answer of the user's code may be anything
            status, head, body = _failed()
        head.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Message, receive: Receive) -> Response:
        path, method = scope["path"], scope["method"]
        if path == "/ping":
            return PING if method in ("GET", "HEAD") else _page(405, b"Method Not Allowed")
        if path != "/invocations":
            return _page(404, b"Not Found")
        if method != "POST":
            return _page(405, b"Method Not Allowed")
        given = dict(scope["headers"])
        length = _length(given)
        try:
            if length is not None and length <= LARGE_BYTES:
                return await self._invoke(await self._body(receive, length), given)
            async with self._large:
                return await self._invoke(await self._body(receive, length), given)
        except TooLarge:
            return _too_large(self._most_bytes)

    async def _body(self, receive: Receive, length: int | None) -> bytes:
        """The whole body; raises TooLarge before more than `most_bytes` of it are held."""
        most = self._most_bytes or float("inf")
        if length is not None and length > most:
            raise TooLarge
        parts, held, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            parts.append(message.get("body", b""))
            held, more = held + len(parts[-1]), message.get("more_body", False)
            if held > most:
                raise TooLarge
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _invoke(self, body: bytes, given: dict[bytes, bytes]) -> Response:
        if len(body) <= self._container.short_bytes and not self._in_threads:
            began = time.perf_counter()
            answer = self._call(body, given)
            if time.perf_counter() - began > SLOW_SECONDS:
                self._in_threads = IN_THREADS
            return answer
        self._in_threads = max(self._in_threads - 1, 0)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._call, body, given)

    def _call(self, body: bytes, given: dict[bytes, bytes]) -> Response:
        kind = _text(given, b"contenttype") or _text(given, b"content-type")
        try:
            return self._container.invoke(body, kind, _text(given, b"accept"))
        except BaseException:  # noqa: BLE001 - the user's code may raise anything, and may call sys.exit()
            return _failed_text()


def _length(given: dict[bytes, bytes]) -> int | None:
    """What the request says of its length; none if it comes in chunks."""
    text = given.get(b"content-length")
    if text is not None:
        return int(text)
    return None if b"transfer-encoding" in given else 0


def _text(given: dict[bytes, bytes], name: bytes) -> str | None:
    found = given.get(name)
    return None if found is None else found.decode("latin-1")


def _encoded(header: tuple[str, str]) -> tuple[bytes, bytes]:
    name, value = header
    if "\r" in value or "\n" in value:
        raise ValueError(f"the header {name} holds a line break")
    return name.encode("latin-1"), value.encode("latin-1")


def _page(status: int, text: bytes) -> Response:
    return (
        status,
        [*HTML],
        b"<!doctype html>\n<html lang=en>\n<title>%d %s</title>\n<h1>%s</h1>\n" % (status, text, text),
    )


def _too_large(most_bytes: int) -> Response:
    message = f"the body is larger than {most_bytes:,} bytes; send the rows in parts"
    text = json.dumps({"error": {"column": None, "row": None, "message": message}})
    return 413, [("Content-Type", "application/json")], text.encode()


def _failed_text() -> Response:
    traceback.print_exc()
    return 500, [*HTML], INTERNAL_ERROR


def _failed() -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    status, headers, body = _failed_text()
    return status, [_encoded(header) for header in headers], body
