"""The embedded AWS's clock: real time plus what was added by `advance`. Schedulers and retries wait on it."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime


class Clock:
    """Seconds since the epoch that can be moved forward; whoever waits for a moment is woken when it comes."""

    def __init__(self, offset: float = 0.0) -> None:
        self._moved = threading.Condition()
        self._offset = offset

    @property
    def offset(self) -> float:
        return self._offset

    def now(self) -> float:
        return time.time() + self._offset

    def datetime(self) -> datetime:
        return datetime.fromtimestamp(self.now(), UTC)

    def advance(self, seconds: float) -> float:
        """Move forward by `seconds` (never back) and wake all who wait; returns the new time."""
        if not seconds >= 0:
            raise ValueError(f"the clock only moves forward: {seconds} is negative")
        with self._moved:
            self._offset += seconds
            self._moved.notify_all()
        return self.now()

    def wait_until(self, epoch: float, stop: threading.Event) -> bool:
        """Wait for `epoch`; True when it has come, False when `stop` was set (call `wake` after setting it)."""
        with self._moved:
            while not stop.is_set():
                left = epoch - self.now()
                if left <= 0:
                    return True
                self._moved.wait(min(left, 3600.0))
        return False

    def dump(self) -> float:
        return self._offset

    def load(self, offset: float) -> None:
        self._offset = offset

    def wake(self) -> None:
        with self._moved:
            self._moved.notify_all()
