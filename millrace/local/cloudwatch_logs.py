"""Writes what jobs, Lambdas and endpoints print into CloudWatch Logs of the embedded AWS, in batches.

It is done with the role that the job, function or model runs as. A role that may not write logs loses them;
whatever it runs goes on.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.world import World

log = logging.getLogger("millrace.logs")

BATCH_LINES = 500
LINE_BYTES = 250_000
FLUSH_SECONDS = 0.25


class LogStream:
    """One stream of a log group; `write` a line at a time from any thread, `close` at the end.

    `logs` is a boto3 client with the rights of the role that writes.
    """

    def __init__(self, world: World, logs: Any, *, group: str, stream: str) -> None:
        self._world = world
        self._names = {"logGroupName": group, "logStreamName": stream}
        self._logs = logs
        self._lines: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._timer: threading.Timer | None = None
        self._made = False
        # Beside the program's start, which need not wait for it.
        world.spawn(self._make, name=f"log stream {stream}")

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

    def _make(self) -> None:
        with self._sending:
            self._make_once()

    def _make_once(self) -> None:
        if self._made or self._world.stopping.is_set():
            return
        self._made = True
        try:
            self._make_stream()
        except ClientError as error:
            log.warning("the log lines of %s are lost: %s", " ".join(self._names.values()), error)

    def _make_stream(self) -> None:
        """The group is made only where there is none, so a role whose group was made for it needs no right to."""
        known = self._logs.exceptions
        try:
            self._logs.create_log_stream(**self._names)
        except known.ResourceAlreadyExistsException:
            return
        except known.ResourceNotFoundException:
            # Another stream of the group may be quicker.
            with suppress(known.ResourceAlreadyExistsException):
                self._logs.create_log_group(logGroupName=self._names["logGroupName"])
            self._make_stream()

    def flush(self) -> None:
        with self._sending:
            self._make_once()
            with self._lock:
                lines, self._lines = self._lines, []
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
            if lines and not self._world.stopping.is_set():
                self._put(lines)

    def _put(self, lines: list[dict[str, Any]]) -> None:
        try:
            self._logs.put_log_events(**self._names, logEvents=lines)
        except ClientError as error:
            # Neither a missing right nor a log group deleted under a running job may fail the job.
            log.warning("%d log lines of %s are lost: %s", len(lines), " ".join(self._names.values()), error)

    def close(self) -> None:
        self.flush()
