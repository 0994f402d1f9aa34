"""Sends one request over and over on some connections; run by serving.py in the benchmark's environment.

    python serving_client.py PORT CONNECTIONS SECONDS CONTENT_TYPE BODY_FILE

Prints {"rate": requests per second, "p50": seconds, "p99": seconds, "requests": all of
them, "failed": answers that were not 200}.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop  # type: ignore[import-not-found]

WARM_SHARE = 0.2


class Caller(asyncio.Protocol):
    """One connection: the next request goes out when the answer to the last one is whole."""

    def __init__(self, request: bytes, took: list[tuple[float, float]]) -> None:
        self._request, self._took = request, took
        self._held, self._needed = bytearray(), 0
        self.failed = 0
        self.ends = False
        self.ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._held.clear()
        self._needed = 0
        self._began = time.perf_counter()
        self._transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._held += data
        if not self._needed:
            end = self._held.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._held[:end]).lower()
            place = head.index(b"content-length:") + 15
            self._needed = end + 4 + int(head[place:].split(b"\r\n", 1)[0])
        if len(self._held) >= self._needed:
            now = time.perf_counter()
            self._took.append((now, now - self._began))
            self.failed += not self._held.startswith(b"HTTP/1.1 200")
            if self.ends:
                self._transport.close()
                self.ended.set()
            else:
                self._send()


async def main(port: int, connections: int, seconds: float, kind: str, body: bytes) -> None:
    head = f"POST /invocations HTTP/1.1\r\nHost: benchmark\r\nContent-Type: {kind}\r\nAccept: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    took: list[tuple[float, float]] = []
    loop, began = asyncio.get_running_loop(), time.perf_counter()
    callers = [
        (await loop.create_connection(lambda: Caller(request, took), "127.0.0.1", port))[1] for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    while not took or took[-1][0] < began + seconds * WARM_SHARE:
        await asyncio.sleep(0.01)
    span = time.perf_counter() - began - seconds * WARM_SHARE
    counted = sorted(each for at, each in took if at > began + seconds * WARM_SHARE)
    for caller in callers:
        caller.ends = True
    for caller in callers:  # what the server has computed is counted, so all of it must be answered
        await caller.ended.wait()
    found = {
        "rate": len(counted) / span,
        "p50": counted[len(counted) // 2],
        "p99": counted[min(len(counted) - 1, len(counted) * 99 // 100)],
        "requests": len(took),
        "failed": sum(caller.failed for caller in callers),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    arguments = sys.argv[1:]
    uvloop.run(
        main(int(arguments[0]), int(arguments[1]), float(arguments[2]), arguments[3], Path(arguments[4]).read_bytes())
    )
