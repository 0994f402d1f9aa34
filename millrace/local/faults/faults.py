"""Decides by a seed which things go wrong, and keeps account of it.

The world has one. Events, queues, the gateway and Lambda ask it at each place where something can go wrong;
nothing does until someone puts a plan. It is no state of the account: a restart forgets it.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from millrace.local.clock import Clock
from millrace.local.faults.records import BEFORE, Fault, Plan

log = logging.getLogger("millrace.faults")

REMEMBERED = 200


@dataclass
class Armed:
    """A fault with what it has met, and its seed."""

    fault: Fault
    seed: str
    seen: int = 0
    done: int = 0
    met: Counter[str] = field(default_factory=Counter)

    def strikes(self, key: str) -> bool:
        """Whether the next thing that matches is struck.

        Thrown for the key and how often it came, not in the order of all things: that is another one in every run.
        """
        self.seen += 1
        self.met[key] += 1
        thrown = random.Random(f"{self.seed}/{key}/{self.met[key]}").random()
        chosen = self.seen == self.fault.nth if self.fault.nth else thrown < self.fault.rate
        strikes = chosen and (self.fault.times is None or self.done < self.fault.times)
        self.done += strikes
        return strikes


class Faults:
    """The plan in force, the dice and the counts; used by many threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._armed: list[Armed] = []
        self._seed = 0
        self._calls: dict[str, Counter[str]] = defaultdict(Counter)
        self._injected: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self._held: list[tuple[Callable[[], int], Callable[[], None]]] = []
        self.on = False

    def put(self, plan: Plan) -> None:
        """Let the plan's faults happen from now on, instead of those before; counts begin anew."""
        self.stop()
        with self._lock:
            self._seed = plan.seed
            self._armed = [Armed(fault, f"{plan.seed}/{number}") for number, fault in enumerate(plan.faults)]
            self._calls.clear()
            self._injected.clear()
            self.on = True
        log.warning("faults on request: seed %s, %s", plan.seed, [fault.described() for fault in plan.faults])

    def stop(self) -> None:
        """Nothing goes wrong any more, what is held back goes on its way; the counts stay."""
        with self._lock:
            was_on, self.on = self.on, False
        if was_on:
            log.warning("faults on request: off")
            for _, release in self._held:
                release()

    def holding(self, count: Callable[[], int], release: Callable[[], None]) -> None:
        """Someone who holds things back tells how to count them and how to let them go."""
        self._held.append((count, release))

    def strike(self, kind: str, what: str, *, by: str, about: str, key: str = "", when: str = BEFORE) -> list[Fault]:
        """The faults of a kind that strike this thing; `about` names it in the log, `key` is the same in every run."""
        with self._lock:
            if not self.on:
                return []
            struck = [
                armed.fault
                for armed in self._armed
                if armed.fault.kind == kind
                and armed.fault.concerns(what, by, when)
                and armed.strikes(f"{what}/{by}/{key}")
            ]
            for _ in struck:
                entry = {"time": self._clock.now(), "kind": kind, "what": what, "by": by, "about": about}
                self._injected.append(entry)
        for _ in struck:
            log.warning("fault on request: %s %s of %s (%s)", kind, what, by, about)
        return struck

    def called(self, function: str, api: str) -> None:
        """Count a call that a Lambda function makes."""
        with self._lock:
            self._calls[function][api] += 1

    def describe(self) -> dict[str, Any]:
        """The plan, what each fault has met and done, and the calls that functions made meanwhile."""
        held = sum(count() for count, _ in self._held)
        with self._lock:
            return {
                "on": self.on,
                "seed": self._seed,
                "held": held,
                "faults": [{**each.fault.described(), "seen": each.seen, "done": each.done} for each in self._armed],
                "calls": {function: dict(sorted(calls.items())) for function, calls in sorted(self._calls.items())},
                "injected": list(self._injected),
            }
