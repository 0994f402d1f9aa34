"""The Lambda invocations that run now, by the trace id that the SDK of the function sends with every call.

Lambda gives each invocation such an id in _X_AMZN_TRACE_ID, and botocore passes it on. It is what tells apart two
invocations of one function, which share their credentials.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

ROOT = re.compile(r"Root=(1-[0-9a-f]{8}-[0-9a-f]{24})")


@dataclass(frozen=True)
class Running:
    """An invocation, and how to end its process at once."""

    function: str
    request_id: str
    kill: Callable[[], None]


def new_trace_id(epoch: float) -> str:
    """The value of X-Amzn-Trace-Id for an invocation that nobody traces."""
    root = f"1-{int(epoch):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0"


class Invocations:
    """Lambda's workers enter and leave; the gateway asks whose a call is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, Running] = {}

    @contextmanager
    def running(self, trace_id: str, invocation: Running) -> Iterator[None]:
        root = _root(trace_id)
        with self._lock:
            self._running[root] = invocation
        try:
            yield
        finally:
            with self._lock:
                del self._running[root]

    def of_trace(self, trace_id: str) -> Running | None:
        return self._running.get(_root(trace_id)) if trace_id else None


def _root(trace_id: str) -> str:
    found = ROOT.search(trace_id)
    return found[1] if found else ""
