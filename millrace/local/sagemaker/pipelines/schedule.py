"""The state machine of one execution: which steps may start now, and how it all ends. It runs nothing itself.

`execution` asks `startable()`, runs those steps, and tells what became of them with `finish()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from millrace.local.sagemaker.pipelines.graph import Graph, Node


class State(StrEnum):
    NOT_STARTED = "NotStarted"
    SKIPPED = "Skipped"
    EXECUTING = "Executing"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"


ENDED = (State.SUCCEEDED, State.FAILED, State.STOPPED)


class Schedule:
    """Steps start when all they need has succeeded; after a failure or a stop nothing new starts."""

    def __init__(
        self,
        graph: Graph,
        *,
        most_parallel: int,
        succeeded: Mapping[str, bool | None] | None = None,
    ) -> None:
        """`succeeded`: steps of an earlier attempt that keep their result, with conditions' outcomes."""
        self._graph = graph
        self.most_parallel = most_parallel
        self.states = dict.fromkeys(graph, State.NOT_STARTED)
        self._outcomes: dict[str, bool | None] = {}
        self._stopping = False
        for name, outcome in (succeeded or {}).items():
            self.states[name] = State.SUCCEEDED
            self._outcomes[name] = outcome
        self._skip()

    @property
    def failed(self) -> bool:
        return State.FAILED in self.states.values()

    @property
    def executing(self) -> list[str]:
        return [name for name, state in self.states.items() if state is State.EXECUTING]

    @property
    def done(self) -> bool:
        """Nothing runs, and nothing may start any more."""
        return not self.executing and not self.startable()

    def startable(self) -> list[str]:
        """The steps that may start now, in the order of the definition."""
        if self._stopping or self.failed:
            return []
        ready = [name for name, node in self._graph.items() if self._ready(node)]
        return ready[: max(0, self.most_parallel - len(self.executing))]

    def start(self, name: str) -> None:
        if name not in self.startable():
            raise ValueError(f"step {name} cannot start: it is {self.states[name]}")
        self.states[name] = State.EXECUTING

    def finish(self, name: str, state: State, *, outcome: bool | None = None) -> None:
        """The step has ended; `outcome` is a condition's."""
        if self.states[name] is not State.EXECUTING or state not in ENDED:
            raise ValueError(f"step {name} cannot go from {self.states[name]} to {state}")
        self.states[name] = state
        self._outcomes[name] = outcome
        self._skip()

    def stop(self) -> None:
        """From now on nothing starts; what runs is told by whoever runs it."""
        self._stopping = True

    def result(self) -> State:
        """How the execution ended: a failure counts more than a stop."""
        if self.failed:
            return State.FAILED
        return State.STOPPED if self._stopping or State.STOPPED in self.states.values() else State.SUCCEEDED

    def _ready(self, node: Node) -> bool:
        if self.states[node.name] is not State.NOT_STARTED:
            return False
        return all(self.states[need] is State.SUCCEEDED for need in node.needs)

    def _skip(self) -> None:
        """Steps of branches not taken, and steps that need them, will never run."""
        while skipped := [name for name, node in self._graph.items() if self._unreachable(node)]:
            self.states.update(dict.fromkeys(skipped, State.SKIPPED))

    def _unreachable(self, node: Node) -> bool:
        if self.states[node.name] is not State.NOT_STARTED:
            return False
        if any(self.states[need] is State.SKIPPED for need in node.needs):
            return True
        branch = node.branch
        return (
            branch is not None
            and self.states[branch.condition] is State.SUCCEEDED
            and self._outcomes[branch.condition] is not branch.outcome
        )
