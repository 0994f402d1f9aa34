"""Many histories, each without and with crashes, on all cores; and what came of them."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from tests.chaos import crashes
from tests.chaos.calls import Crash
from tests.chaos.checker import KINDS, Violation
from tests.chaos.deployed import deployed
from tests.chaos.history import History, generate
from tests.chaos.play import Played, play
from tests.chaos.starter import silence

PLAYS_WITH_CRASHES = 5
REFERENCE = 0
"""The seed that stands for the reference history, in which every single call is crashed."""


@dataclass(frozen=True)
class Failure:
    seed: int
    violation: Violation
    crashes: tuple[Crash, ...]

    def __str__(self) -> str:
        crashed = "; ".join(f"{crash.when} {crash.label} #{crash.occurrence}" for crash in self.crashes)
        return f"seed {self.seed}: {self.violation.kind}: {self.violation.what}" + (
            f"\n    crashed {crashed}" if crashed else ""
        )


@dataclass
class Outcome:
    """What one or more histories came to."""

    histories: int = 0
    plays: int = 0
    calls: int = 0
    uploads: int = 0
    runs: int = 0
    points: dict[crashes.Name, tuple[int, Crash]] = field(default_factory=dict)
    """Each kind of crash that was planned, with a history and a call of it at which it surely happens."""
    reached: set[crashes.Name] = field(default_factory=set)
    crashed: int = 0
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        for name in ("histories", "plays", "calls", "uploads", "runs", "crashed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.points = {**other.points, **self.points}
        self.reached |= other.reached
        self.failures += other.failures

    def played(self, played: Played) -> None:
        self.plays += 1
        self.calls += len(played.calls)
        self.uploads += len(played.evidence.uploads)
        self.runs += len(played.evidence.executions)
        self.crashed += len(played.crashed)
        self.reached |= crashes.names(played.crashed)
        self.failures += [Failure(played.history.seed, wrong, played.crashed) for wrong in played.violations]

    def planned(self, seed: int, chosen: Iterable[Crash]) -> None:
        for crash in chosen:
            self.points.setdefault((crash.label, crash.when), (seed, crash))

    @property
    def missed(self) -> list[tuple[int, Crash]]:
        """Planned crashes that never happened, because an earlier one changed the course of their history."""
        return [found for name, found in self.points.items() if name not in self.reached]

    def lines(self) -> Iterator[str]:
        """The report; its last line is the one that counts."""
        yield (
            f"plays {self.plays}  uploads {self.uploads}  runs {self.runs}  AWS calls {self.calls}  "
            f"crashes {self.crashed}  kinds of crashes {len(self.points) - len(self.missed)} of {len(self.points)}"
        )
        kinds = Counter(failure.violation.kind for failure in self.failures)
        yield f"histories {self.histories}  " + "  ".join(f"{kind} {kinds[kind]}" for kind in KINDS)


def every_call_crashed() -> Outcome:
    """The reference history once for each of its calls, with a crash before it and with one after it."""
    silence()
    outcome = Outcome()
    history = crashes.reference()
    clean = play(history)
    outcome.played(clean)
    points = crashes.every(clean.calls, until=history.quiet)
    outcome.planned(REFERENCE, points)
    for crash in points:
        outcome.played(play(history, [crash]))
    return outcome


def one_crash(found: tuple[int, Crash]) -> Outcome:
    """A history with one crash: the play is the known one until then, so the crash does happen."""
    seed, crash = found
    silence()
    outcome = Outcome()
    outcome.played(play(generate(seed) if seed else crashes.reference(), [crash]))
    return outcome


def one_seed(seed: int) -> Outcome:
    """A history without crashes, then again with crashes at each kind of call it made."""
    silence()
    history = generate(seed)
    outcome = Outcome(histories=1)
    clean = play(history)
    outcome.played(clean)
    for chosen in _crash_plans(history, clean):
        outcome.planned(seed, chosen)
        outcome.played(play(history, chosen))
    return outcome


def against_the_deployment(*, first: int, seeds: int) -> Iterator[Outcome]:
    """The same kind of histories, with real events, queues, functions and runs on an embedded AWS."""
    temporary = tempfile.TemporaryDirectory(prefix="millrace-chaos-", ignore_cleanup_errors=True)
    with temporary as folder, deployed(Path(folder)) as world:
        for seed in range(first, first + seeds):
            failures = [Failure(seed, violation, ()) for violation in world.play(seed)]
            yield Outcome(histories=1, plays=1, failures=failures)
        struck = "  ".join(f"{kind} {times}" for kind, times in world.struck.items())
        runs = f"runs whose rows were compared {len(world.compared)}"
        print(f"deployed: uploads {len(world.uploads)}  {runs}  {struck}")


def _crash_plans(history: History, clean: Played) -> list[frozenset[Crash]]:
    return crashes.by_label(clean.calls, until=history.quiet, plays=PLAYS_WITH_CRASHES, seed=history.seed)


def campaign(*, first: int, seeds: int) -> Iterator[Outcome]:
    """An outcome for each seed, that of the reference history, and those of crashes that had not happened till then."""
    total = Outcome()
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("fork")) as pool:
        reference = pool.submit(every_call_crashed)
        for outcome in pool.map(one_seed, range(first, first + seeds)):
            total.add(outcome)
            yield outcome
        yield reference.result()
        total.add(reference.result())
        yield from pool.map(one_crash, total.missed)
