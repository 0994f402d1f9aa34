"""Writes what jobs, Lambdas and endpoints print into CloudWatch Logs of the embedded AWS, in batches."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.world import World

BATCH_LINES = 500
LINE_BYTES = 250_000
FLUSH_SECONDS = 0.25


class LogStream:
    """One stream of a log group; `write` a line at a time from any thread, `close` at the end."""

    def __init__(self, world: World, *, account: str, region: str, group: str, stream: str) -> None:
        self._world = world
        self._names = {"logGroupName": group, "logStreamName": stream}
        self._logs = world.aws.client("logs", account=account, region=region)
        self._lines: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._timer: threading.Timer | None = None
        for create, names in (
            (self._logs.create_log_group, {"logGroupName": group}),
            (self._logs.create_log_stream, self._names),
        ):
            with suppress(self._logs.exceptions.ResourceAlreadyExistsException):
                create(**names)

    def write(self, line: str) -> None:
        event = {"timestamp": int(self._world.clock.now() * 1000), "message": line[:LINE_BYTES] or " "}
        with self._lock:
            self._lines.append(event)
            full = len(self._lines) >= BATCH_LINES
            if self._timer is None and not full:
                self._timer = threading.Timer(FLUSH_SECONDS, self.flush)
                self._timer.daemon = True
                self._timer.start()
        if full:
            self.flush()

    def flush(self) -> None:
        with self._sending:
            with self._lock:
                lines, self._lines = self._lines, []
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
            if lines and not self._world.stopping.is_set():
                # A log group deleted under a running job must not fail the job.
                with suppress(ClientError):
                    self._logs.put_log_events(**self._names, logEvents=lines)

    def close(self) -> None:
        self.flush()
