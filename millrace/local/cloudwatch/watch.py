"""How a service of the embedded AWS follows alarms without asking again and again. `World.alarms` is the one instance.

Whoever watches is told twice: right before an alarm is seen in ALARM, so that nothing happens after the alarm's
moment that it should have prevented, and right after, when the state can be read.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

PATIENCE_SECONDS = 30.0
Told = Callable[[str], None]


@dataclass(frozen=True)
class Watcher:
    account: str
    region: str
    names: frozenset[str]
    raising: Told
    raised: Told


class Watch:
    """Safe to use from any thread; the evaluator tells it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watchers: list[Watcher] = []
        self._next = 0.0
        self._settled = True

    @contextlib.contextmanager
    def on(self, account: str, region: str, names: Iterable[str], *, raising: Told, raised: Told) -> Iterator[None]:
        """While entered, both are called with the name of each of the alarms that goes into ALARM."""
        watcher = Watcher(account, region, frozenset(names), raising, raised)
        with self._changed:
            self._watchers.append(watcher)
        try:
            yield
        finally:
            with self._changed:
                self._watchers.remove(watcher)

    @contextlib.contextmanager
    def raise_alarm(self, account: str, region: str, name: str) -> Iterator[None]:
        """Around the change of the alarm's state."""
        with self._changed:
            place = (account, region)
            told = [each for each in self._watchers if (each.account, each.region) == place and name in each.names]
        for each in told:
            each.raising(name)
        yield
        for each in told:
            each.raised(name)

    def evaluated(self, following: float, *, settled: bool) -> None:
        """All moments before `following` have been judged; what was missing in a gap only once it is settled."""
        with self._changed:
            self._next, self._settled = following, settled
            self._changed.notify_all()

    def wait(self, moment: float, *, settled: bool) -> bool:
        """Until the moment has been judged."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._next > moment and (self._settled or not settled), PATIENCE_SECONDS
            )
