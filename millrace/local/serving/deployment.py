"""One blue/green deployment of an endpoint: the new fleet starts, takes over step by step, and is watched meanwhile.

The old fleet serves until the end. Whatever goes wrong (the new fleet does not start, an alarm goes off, time runs
out) brings all traffic back to it at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from millrace.errors import MillraceError
from millrace.local.events.timer import Timer
from millrace.local.sagemaker.store import Place
from millrace.local.serving.fleet import Fleet
from millrace.local.serving.guard import Guard
from millrace.local.serving.rollout import CANARY, Rollout
from millrace.local.serving.router import Router
from millrace.local.serving.variant import DeploymentFailed
from millrace.local.world import World

WAIT, TERMINATION = "WaitIntervalInSeconds", "TerminationWaitInSeconds"

# The instances of each variant that have traffic, and what the variants are about.
Report = Callable[[Mapping[str, int], Mapping[str, Mapping[str, Any]]], None]


class Stopping(MillraceError):
    """The server goes down: nothing is decided."""


@dataclass(frozen=True)
class Step:
    """So many instances of each variant get traffic, then so many seconds pass."""

    active: dict[str, int]
    seconds: int
    waits_for: str
    last: bool


def steps(rollout: Rollout, counts: Mapping[str, int]) -> list[Step]:
    by_variant = {name: rollout.steps(count) for name, count in counts.items()}
    number = max(len(each) for each in by_variant.values())
    found = []
    for place in range(number):
        active = {name: each[min(place, len(each) - 1)] for name, each in by_variant.items()}
        last = place == number - 1
        seconds = rollout.termination if last else rollout.wait
        found.append(Step(active, seconds, TERMINATION if last else WAIT, last))
    return found


class Deployment:
    """`run` once; `abort` from any thread."""

    def __init__(
        self,
        world: World,
        place: Place,
        *,
        router: Router,
        fleet: Fleet,
        rollout: Rollout,
        timer: Timer,
        report: Report,
    ) -> None:
        self._world = world
        self._router = router
        self._fleet = fleet
        self._rollout = rollout
        self._timer = timer
        self._report = report
        self._aborted = ""
        self._counts = {name: variant.plan.count for name, variant in fleet.variants.items()}
        first = next(iter(fleet.variants.values()))
        self._guard = Guard(world, place, rollout.alarms, first.assume)
        self._spent = 0.0
        fleet.failed = self.abort

    def run(self) -> tuple[Fleet | None, str]:
        """The fleet that served before, if the new one took over; else why it did not."""
        with self._guard.watching(lambda: self._router.hold(self._fleet)):
            self._router.offer(self._fleet)
            try:
                self._guard.check()
                self._start()
                self._check()
                for step in steps(self._rollout, self._counts):
                    self._shift(step)
                    self._bake(step)
                old = self._router.promote()
                if old is None:
                    self._guard.alerted.wait()
                    self._check()
                return old, ""
            except (MillraceError, ClientError, BotoCoreError, OSError) as error:
                self._router.withdraw()
                if self._world.stopping.is_set():
                    raise Stopping(str(error)) from error
                return None, str(error)

    def abort(self, reason: str) -> None:
        """Give up: the old fleet serves again."""
        self._router.hold(self._fleet)
        self._aborted = self._aborted or reason
        self._guard.alert()

    def wake(self) -> None:
        """The server goes down."""
        self._guard.alert()

    def _start(self) -> None:
        began = self._world.clock.now()
        limit = self._rollout.timeout
        appointment = self._timer.at(began + limit, self._expire) if limit else None
        self._tell({}, "Creating", lambda _, count: f"Launching {count} instance(s).")
        try:
            self._fleet.start()
        except MillraceError as error:
            raise DeploymentFailed(self._aborted or str(error)) from error
        finally:
            if appointment:
                appointment.cancel()
        self._spent = self._world.clock.now() - began

    def _expire(self) -> None:
        self.abort(self._timed_out())
        self._fleet.end(drain=False)

    def _timed_out(self) -> str:
        return f"The deployment timed out after {self._rollout.timeout} seconds (MaximumExecutionTimeoutInSeconds)."

    def _shift(self, step: Step) -> None:
        def said(name: str, _: int) -> str:
            return f"Activating traffic on {self._part(step)} capacity of {step.active[name]} instance(s)."

        self._tell(step.active, "ActivatingTraffic", said)
        self._router.activate(step.active)

    def _bake(self, step: Step) -> None:
        """Let time pass on the clock that can be moved; an alarm ends it at once."""

        def said(name: str, _: int) -> str:
            return (
                f"Baking for {step.seconds} seconds ({step.waits_for}) with traffic enabled on {self._part(step)} "
                f"capacity of {step.active[name]} instance(s)."
            )

        if step.seconds:
            # A clock that was moved too far is no reason to run out of time: only what was waited for counts.
            limit = self._rollout.timeout
            left = step.seconds if limit is None else min(step.seconds, max(0.0, limit - self._spent))
            # Before anybody is told, who might move the clock then.
            until = self._world.clock.now() + left
            self._tell(step.active, "Baking", said)
            if self._world.clock.wait_until(until, self._guard.alerted):
                self._guard.settle(until)
                if left < step.seconds:
                    raise DeploymentFailed(self._timed_out())
            self._spent += left
        self._check()

    def _part(self, step: Step) -> str:
        return "full" if step.last else "canary" if self._rollout.kind == CANARY else "partial"

    def _check(self) -> None:
        if self._world.stopping.is_set():
            raise Stopping("the server goes down")
        if self._aborted:
            raise DeploymentFailed(self._aborted)
        self._guard.check()

    def _tell(self, active: Mapping[str, int], status: str, said: Callable[[str, int], str]) -> None:
        now = self._world.clock.datetime()
        self._report(
            active,
            {
                name: {"Status": status, "StatusMessage": said(name, count), "StartTime": now}
                for name, count in self._counts.items()
            },
        )
