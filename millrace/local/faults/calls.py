"""Calls that go wrong on request: refused, answered with an error, or the last ones that a function makes.

The gateway wraps each call that may be made in `during`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from millrace.local.faults.faults import Faults
from millrace.local.faults.invocations import Invocations, Running
from millrace.local.faults.records import AFTER, BEFORE
from millrace.local.faults.refusals import broken, throttled
from millrace.local.service import Caller, ServiceError
from millrace.local.wire import Operation


class Calls:
    """Strikes before a call is served (it has no effect) and after it (it has one, and nobody learns of it)."""

    def __init__(self, faults: Faults, invocations: Invocations) -> None:
        self._faults = faults
        self._invocations = invocations

    @contextmanager
    def during(self, operation: Operation, caller: Caller, trace_id: str) -> Iterator[None]:
        """Around the service of a call; ServiceError is the answer instead of the service's own."""
        if not self._faults.on or not caller.arn:  # without a name it is a service at work on what is its own
            yield
            return
        invocation = self._invocations.of_trace(trace_id)
        if invocation:
            self._faults.called(invocation.function, _api(operation))
            self._crash(invocation, operation, BEFORE)
        self._refuse(operation, caller)
        yield
        if invocation:
            self._crash(invocation, operation, AFTER)
        self._lose(operation, caller)

    def _crash(self, invocation: Running, operation: Operation, when: str) -> None:
        """End the function's process; the answer finds nobody."""
        about = f"{when} the call, request {invocation.request_id}"
        if self._faults.strike("crash", _api(operation), by=invocation.function, about=about, when=when):
            invocation.kill()
            raise ServiceError("ServiceUnavailable", "The caller has crashed on request.", status=503)

    def _refuse(self, operation: Operation, caller: Caller) -> None:
        for fault in self._faults.strike("throttle", _api(operation), by=name_of(caller.arn), about=caller.arn):
            raise throttled(operation, fault.code)

    def _lose(self, operation: Operation, caller: Caller) -> None:
        for fault in self._faults.strike("lose-answer", _api(operation), by=name_of(caller.arn), about=caller.arn):
            raise broken(operation, fault.code)


def name_of(arn: str) -> str:
    """Role, user, `root` or service principal: what one calls the caller."""
    kind, _, rest = arn.rpartition(":")[2].partition("/")
    if kind == "assumed-role":
        return rest.partition("/")[0]
    return rest.rpartition("/")[2] or kind


def _api(operation: Operation) -> str:
    return f"{operation.service}:{operation.name}"
