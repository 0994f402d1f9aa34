"""Deliveries of events that go wrong on request: doubled, overtaken, late or lost.

The Deliverer passes every first attempt through here; what is held back waits on the clock that can be moved.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from millrace.local.events.timer import Timer
from millrace.local.faults.faults import Faults

T = TypeVar("T")


@dataclass(frozen=True)
class Address:
    """What of a delivery faults look at; `about` names it in the log, `key` says what it is about in every run."""

    detail_type: str
    sender: str
    target: str
    about: str
    key: str = ""


@dataclass(frozen=True)
class _Waiting(Generic[T]):
    item: T
    address: Address
    overtaken: bool  # waits for the next delivery to the same target


class Deliveries(Generic[T]):
    """Hands deliveries on to `deliver`, which makes the attempts of a list one after another."""

    def __init__(self, faults: Faults, timer: Timer, deliver: Callable[[Sequence[T]], None]) -> None:
        self._faults = faults
        self._timer = timer
        self._deliver = deliver
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._waiting: dict[int, _Waiting[T]] = {}
        faults.holding(lambda: len(self._waiting), self._release)

    def pass_on(self, item: T, address: Address) -> None:
        """Deliver now, unless a fault strikes; it is lost, comes again, later, or after the next one."""
        if not self._faults.on:
            self._deliver([item])
            return
        if self._struck("drop", address):
            return
        for seconds in self._struck("duplicate", address):
            self._later(seconds, _Waiting(item, address, overtaken=False))
        if held := self._struck("reorder", address):
            self._later(max(held), _Waiting(item, address, overtaken=True))
        elif late := self._struck("delay", address):
            self._later(max(late), _Waiting(item, address, overtaken=False))
        else:
            self._now(item, address)

    def _struck(self, kind: str, address: Address) -> list[float]:
        kind_of, sender = address.detail_type, address.sender
        struck = self._faults.strike(kind, kind_of, by=sender, about=address.about, key=address.key)
        return [fault.seconds for fault in struck]

    def _now(self, item: T, address: Address) -> None:
        """Deliver, and then what was to be overtaken on the way to this target."""
        with self._lock:
            numbers = [
                number
                for number, each in self._waiting.items()
                if each.overtaken and each.address.target == address.target
            ]
            overtaken = [self._waiting.pop(number).item for number in numbers]
        self._deliver([item, *overtaken])

    def _later(self, seconds: float, waiting: _Waiting[T]) -> None:
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = waiting
        # When the faults end between the decision and here, nobody else would let it go.
        if seconds > 0 and self._faults.on:
            self._timer.after(seconds, lambda: self._end(number))
        else:
            self._end(number)

    def _end(self, number: int) -> None:
        """The wait is over; nothing is left to do when it was overtaken or released meanwhile."""
        with self._lock:
            waiting = self._waiting.pop(number, None)
        if waiting:
            self._now(waiting.item, waiting.address)

    def _release(self) -> None:
        for number in list(self._waiting):
            self._end(number)
