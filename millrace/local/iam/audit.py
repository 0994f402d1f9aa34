"""Every decision as a line of <state>/audit.jsonl: who, what, on what, allowed or not, and by which statement.

The gate only puts a record into a queue; one thread writes. `millrace.decisions` reads the file.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from millrace import decisions
from millrace.decisions import Decision, Filter

MOST_WAITING = 50_000
EVERY_SECONDS = 0.25
LARGEST_BYTES = 64 * 1024 * 1024


class AuditLog:
    """The writer of one state folder; `start` begins, `stop` writes what is left.

    The writer wakes a few times a second, not for each decision: that would cost every request a thread switch.
    """

    def __init__(self, folder: Path, *, largest: int = LARGEST_BYTES) -> None:
        self._folder = folder
        self._path = folder / decisions.FILE
        self._largest = largest
        self._waiting: deque[Decision] = deque()
        self._writing = threading.Lock()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._write, name="audit", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join(10)
        self.flush()

    def add(self, decision: Decision) -> None:
        """Writes by itself only when the writer is tens of thousands of decisions behind."""
        self._waiting.append(decision)
        if len(self._waiting) > MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Write everything added so far."""
        with self._writing:
            found = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if found:
                self._append("".join(json.dumps(each, separators=(",", ":")) + "\n" for each in found))

    def _write(self) -> None:
        while not self._end.wait(EVERY_SECONDS):
            self.flush()

    def _append(self, text: str) -> None:
        """At a size limit the file becomes the older half and a new one begins."""
        if self._path.exists() and self._path.stat().st_size > self._largest:
            self._path.replace(self._folder / decisions.OLDER)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(text)

    def read(self, wanted: Mapping[str, Any]) -> list[Decision]:
        """What the internal route answers: `role`, `action`, `denied` and `limit` as in `millrace audit`."""
        self.flush()
        chosen = Filter(str(wanted.get("role", "")), str(wanted.get("action", "")), bool(wanted.get("denied")))
        return decisions.read(self._folder, chosen, limit=int(wanted.get("limit", decisions.MOST)))
