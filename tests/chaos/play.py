"""Plays one history and judges it."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

from tests.chaos.calls import Call, Clients, Crash
from tests.chaos.checker import Violation, check
from tests.chaos.evidence import Evidence
from tests.chaos.history import History
from tests.chaos.starter import start_pipeline
from tests.chaos.users import Users
from tests.chaos.world import Function, World


@dataclass(frozen=True)
class Played:
    """The verdict, and what the history consisted of."""

    history: History
    violations: tuple[Violation, ...]
    calls: tuple[Call, ...]
    crashed: tuple[Crash, ...]
    evidence: Evidence


@functools.cache
def clients() -> Clients:
    return Clients()


def play(history: History, crashes: Iterable[Crash] = (), *, function: Function = start_pipeline) -> Played:
    world = World(history, function, clients(), crashes)
    users = Users(world)
    world.play()
    evidence = users.evidence()
    return Played(history, check(evidence), tuple(world.calls.made), tuple(world.calls.crashed), evidence)
