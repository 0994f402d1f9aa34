"""What may end a job from outside while it runs: a stop request or its time limit."""

from __future__ import annotations

import signal
import threading

from millrace.local.forkserver.client import Child
from millrace.local.sagemaker.jobs.errors import JobStopped
from millrace.local.world import World

STOPPED, TIMED_OUT = "Stopped", "MaxRuntimeExceeded"
GRACE_SECONDS = 120.0


class Control:
    """One per running job. SIGTERM first; SIGKILL when that has not ended the program after 120 seconds."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._child: Child | None = None
        self.reason: str | None = None

    def check(self) -> None:
        """Raise when the job must not go on."""
        if self.reason is not None:
            raise JobStopped(self.reason)

    def attach(self, child: Child, *, seconds: float) -> None:
        """The program has started and may run for `seconds`."""
        with self._lock:
            self._child = child
            asked = self.reason is not None
        deadline = self._world.clock.now() + seconds
        self._world.spawn(self._limit, deadline, name="job-time-limit")
        if asked:
            self._end(child)

    def end(self, reason: str = STOPPED) -> None:
        """Ask the job to end; the first reason stays."""
        with self._lock:
            if self.reason is not None or self._ended.is_set():
                return
            self.reason = reason
            child = self._child
        if child is not None:
            self._end(child)

    def finished(self) -> None:
        """The program has ended: nobody needs to end it any more."""
        self._ended.set()
        self._world.clock.wake()

    def _limit(self, deadline: float) -> None:
        if self._world.clock.wait_until(deadline, self._ended):
            self.end(TIMED_OUT)

    def _end(self, child: Child) -> None:
        child.signal(signal.SIGTERM)
        self._world.spawn(self._kill, child, name="job-kill")

    def _kill(self, child: Child) -> None:
        if self._world.clock.wait_until(self._world.clock.now() + GRACE_SECONDS, self._ended):
            child.kill()
