"""The embedded AWS's clock: real time plus what was added by `advance`. Schedulers and retries wait on it.

What was added also stands in a file, where the processes of functions and jobs read it (`forkserver.moved_clock`).
"""

from __future__ import annotations

import mmap
import struct
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

SECONDS = struct.Struct("d")


class Clock:
    """Seconds since the epoch that can be moved forward; whoever waits for a moment is woken when it comes."""

    def __init__(self, offset: float = 0.0, *, file: Path | None = None) -> None:
        self.file = file
        self._moved = threading.Condition()
        self._shared = _mapped(file) if file else None
        self._set(offset)

    def _set(self, offset: float) -> None:
        self._offset = offset
        if self._shared:
            SECONDS.pack_into(self._shared, 0, offset)

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
            self._set(self._offset + seconds)
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
        self._set(offset)

    def wake(self) -> None:
        with self._moved:
            self._moved.notify_all()


def _mapped(file: Path) -> mmap.mmap:
    """The file as memory: whoever has it mapped sees a change at once, and whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)  # whoever has the one of an earlier run mapped keeps it
    file.write_bytes(SECONDS.pack(0.0))
    with file.open("r+b") as opened:
        return mmap.mmap(opened.fileno(), SECONDS.size)
