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
        self._children: list[Child] = []
        self._killed = False
        self.reason: str | None = None

    def check(self) -> None:
        """Raise when the job must not go on."""
        if self.reason is not None:
            raise JobStopped(self.reason)

    def attach(self, child: Child, *, seconds: float | None) -> None:
        """The program has started (on one of the job's instances) and may run for `seconds`."""
        with self._lock:
            self._children.append(child)
            first, asked, killed = len(self._children) == 1, self.reason is not None, self._killed
        if first and seconds is not None:
            self._world.spawn(self._limit, self._world.clock.now() + seconds, name="job-time-limit")
        if killed:
            child.kill()
        elif asked:
            self._end([child])

    def end(self, reason: str = STOPPED) -> None:
        """Ask the job to end; the first reason stays."""
        with self._lock:
            if self.reason is not None or self._ended.is_set():
                return
            self.reason = reason
            children = list(self._children)
        if children:
            self._end(children)

    def kill(self) -> None:
        """End what still runs at once: the job has failed on one of its instances."""
        with self._lock:
            self._killed = True
            children = list(self._children)
        for child in children:
            child.kill()

    def finished(self) -> None:
        """The program has ended: nobody needs to end it any more."""
        self._ended.set()
        self._world.clock.wake()

    def _limit(self, deadline: float) -> None:
        if self._world.clock.wait_until(deadline, self._ended):
            self.end(TIMED_OUT)

    def _end(self, children: list[Child]) -> None:
        for child in children:
            child.signal(signal.SIGTERM)
        self._world.spawn(self._kill, children, name="job-kill")

    def _kill(self, children: list[Child]) -> None:
        if self._world.clock.wait_until(self._world.clock.now() + GRACE_SECONDS, self._ended):
            for child in children:
                child.kill()
