"""Whether a run is about to start, and waiting for it: a burst of uploads is waited out before one starts."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from millrace.cli import executions, history, screen, system, tables
from millrace.cli.connect import Connection
from millrace.cli.ledger_rows import Ledger, Skip
from millrace.errors import MillraceError

START_SECONDS = 60.0
GRACE_SECONDS = 10.0


def wait(connection: Connection, model: str | None) -> str | None:
    """The ARN of the run that was about to start; None at once if one goes on or none is expected, or if it is skipped.

    The newest run of each model is known before: what starts is none of these.
    """
    deployed = system.search(connection)
    if deployed is None or not deployed.ledger:
        return None
    models = [name for name in ([model] if model else deployed.models) if name in deployed.models]
    newest = {name: run for name in models for run in executions.recent(connection, model=name, limit=1)}
    if any(not run.over for run in newest.values()):
        return None
    look = Look(connection, deployed, models)
    first = [name for name in models if name not in newest]
    if not look.expects(first=first):
        return None
    screen.say("A run is about to start: it waits until no more files arrive.", screen.FAINT)
    return look.started({run.arn for run in newest.values()}, still=lambda: look.expects(first=first))


@dataclass
class Look:
    """The models' ledgers from now on: make it before what is to start a run."""

    connection: Connection
    deployed: system.System
    models: Sequence[str]

    def __post_init__(self) -> None:
        self._ledger = Ledger(self.connection, self.deployed.ledger)
        self._known = {model: self._newest_skip(model) for model in self.models}
        self._until = time.monotonic() + GRACE_SECONDS

    def expects(self, *, first: Collection[str] = ()) -> bool:
        """Whether a look is due or a start under way; for models without any run, whether their data are there."""
        if any(self._due(model) for model in self.models):
            return True
        if time.monotonic() > self._until:
            return False
        return any(not tables.missing(self.connection, self.deployed, model) for model in first)

    def started(self, before: set[str], *, still: Callable[[], bool] = lambda: True) -> str | None:
        """The ARN of the run that starts, or None when it was skipped (which is said) or no longer expected."""
        debounce = max((self.deployed.models[model].debounce_seconds for model in self.models), default=0.0)
        seen = time.monotonic()  # a look takes the wake-up away some seconds before it starts a run or says why not
        deadline = seen + debounce + START_SECONDS
        while time.monotonic() < deadline:
            new = [arn for arn in self._newest_runs() if arn not in before]
            if new:
                return new[0]
            skip = self.skipped()
            if skip:
                screen.say(f"  {sentence(self.connection, skip)}", screen.BUSY)
                return None
            if still():
                seen = time.monotonic()
            elif time.monotonic() > seen + GRACE_SECONDS:
                return None
            time.sleep(self.connection.poll_seconds)
        raise MillraceError(
            f"no run started in {debounce + START_SECONDS:.0f} s: see `millrace logs {self.deployed.starter}`"
        )

    def skipped(self) -> Skip | None:
        """A look that started nothing since this was made."""
        for model in self.models:
            newest = self._newest_skip(model)
            if newest and newest != self._known[model]:
                return newest
        return None

    def _due(self, model: str) -> bool:
        wake = self._ledger.wake(model)
        return bool(self._ledger.lock(model).holder) or (
            wake is not None and wake.due + START_SECONDS > self.connection.now().timestamp()
        )

    def _newest_skip(self, model: str) -> Skip | None:
        return next(iter(self._ledger.skips(model, limit=1)), None)

    def _newest_runs(self) -> list[str]:
        return [run.arn for model in self.models for run in executions.recent(self.connection, model=model, limit=1)]


def sentence(connection: Connection, skip: Skip) -> str:
    """Why a look started nothing."""
    names = history.ids(executions.recent(connection, model=skip.model))
    return f"{skip.model}: skipped: {history.renamed(skip.reason, names)}"
