"""Actions at moments of the movable clock, and the threads that do the slow ones.

Retries, schedules and queue pollers use it; nothing polls: the timer's thread sleeps until the next moment.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from millrace.local.world import World

log = logging.getLogger("millrace.events")
Action = Callable[[], None]


@dataclass(order=True)
class Appointment:
    """An action at a moment; `cancel` keeps it from running."""

    due: float
    order: int
    action: Action = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.cancelled = True


class Timer:
    """Runs short actions on one thread, in the order of their moments; long ones belong into `Workers`."""

    def __init__(self, world: World, *, name: str) -> None:
        self._world = world
        self._name = name
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._order = itertools.count()
        self._appointments: list[Appointment] = []
        self._thread: threading.Thread | None = None

    def at(self, moment: float, action: Action) -> Appointment:
        appointment = Appointment(moment, next(self._order), action)
        with self._lock:
            heapq.heappush(self._appointments, appointment)
            first = self._appointments[0] is appointment
            if self._thread is None:
                self._thread = self._world.spawn(self._run, name=self._name)
        if first:
            self._changed.set()
            self._world.clock.wake()
        return appointment

    def after(self, seconds: float, action: Action) -> Appointment:
        return self.at(self._world.clock.now() + seconds, action)

    def _run(self) -> None:
        while not self._world.stopping.is_set():
            self._changed.clear()
            with self._lock:
                while self._appointments and self._appointments[0].cancelled:
                    heapq.heappop(self._appointments)
                due = self._appointments[0].due if self._appointments else float("inf")
            if self._world.clock.wait_until(due, self._changed):
                with self._lock:
                    appointment = heapq.heappop(self._appointments)
                if not appointment.cancelled:
                    _guarded(appointment.action, self._name)


class Workers:
    """At most `limit` threads that run what is submitted; a thread starts only when all are busy."""

    def __init__(self, world: World, *, name: str, limit: int) -> None:
        self._world = world
        self._name = name
        self._limit = limit
        self._lock = threading.Lock()
        self._load = 0
        self._started = 0
        self._actions: queue.SimpleQueue[Action] = queue.SimpleQueue()

    def submit(self, action: Action) -> None:
        with self._lock:
            self._actions.put(action)
            self._load += 1
            grow = self._load > self._started and self._started < self._limit
            self._started += grow
        if grow:
            self._world.spawn(self._run, name=self._name)

    def _run(self) -> None:
        while not self._world.stopping.is_set():
            _guarded(self._actions.get(), self._name)
            with self._lock:
                self._load -= 1


def _guarded(action: Action, name: str) -> None:
    """The outermost loop of a thread: an action's error must not end the thread that others wait for."""
    try:
        action()
    except Exception:
        log.exception("%s: an action failed", name)
