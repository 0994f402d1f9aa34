"""The state machine of an execution, driven with random graphs, outcomes and orders of completion."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.sagemaker.pipelines.definition import Branch
from millrace.local.sagemaker.pipelines.graph import Graph, Node, find_cycle
from millrace.local.sagemaker.pipelines.schedule import Schedule, State


@dataclass
class Plan:
    """A random pipeline: which steps are conditions, and what becomes of each step."""

    graph: Graph
    conditions: set[str]
    outcomes: dict[str, bool]
    failing: set[str] = field(default_factory=set)


@st.composite
def plans(draw: st.DrawFn, *, failures: bool = False) -> Plan:
    """Steps need only earlier ones, so there is no cycle; some lie in a branch of an earlier condition."""
    count = draw(st.integers(1, 12))
    graph: dict[str, Node] = {}
    conditions: set[str] = set()
    for number in range(count):
        name = f"s{number}"
        needs: set[str] = set()
        if graph:
            needs |= set(draw(st.lists(st.sampled_from(sorted(graph)), max_size=3)))
        branch = None
        inside = draw(st.booleans())
        if conditions and inside:
            branch = Branch(draw(st.sampled_from(sorted(conditions))), draw(st.booleans()))
            needs.add(branch.condition)
        graph[name] = Node(name, frozenset(needs), branch)
        if draw(st.booleans()):
            conditions.add(name)
    outcomes = {name: draw(st.booleans()) for name in sorted(conditions)}
    failing = set(draw(st.lists(st.sampled_from(sorted(graph)), max_size=2))) if failures else set()
    return Plan(graph, conditions, outcomes, failing)


def reached(plan: Plan) -> set[str]:
    """The steps that run when nothing fails, found without the state machine."""
    running: set[str] = set()
    for name, node in plan.graph.items():
        taken = node.branch is None or plan.outcomes[node.branch.condition] is node.branch.outcome
        if taken and node.needs <= running:
            running.add(name)
    return running


def drive(plan: Plan, schedule: Schedule, seed: int, *, stop_after: int | None = None) -> list[str]:
    """Run it to its end; answers the names in the order they started."""
    chance = random.Random(seed)
    started: list[str] = []
    finished = 0
    while not schedule.done:
        for name in schedule.startable():
            assert all(schedule.states[need] is State.SUCCEEDED for need in plan.graph[name].needs)
            schedule.start(name)
            started.append(name)
        assert len(schedule.executing) <= schedule.most_parallel
        name = chance.choice(schedule.executing)
        state = State.FAILED if name in plan.failing else State.SUCCEEDED
        schedule.finish(name, state, outcome=plan.outcomes.get(name))
        finished += 1
        if finished == stop_after:
            schedule.stop()
    return started


@given(plans(), st.integers(0, 99), st.integers(1, 4))
def test_every_reachable_step_runs_once_and_exactly_the_others_are_skipped(plan: Plan, seed: int, most: int) -> None:
    schedule = Schedule(plan.graph, most_parallel=most)
    started = drive(plan, schedule, seed)
    assert sorted(started) == sorted(reached(plan))
    skipped = {name for name, state in schedule.states.items() if state is State.SKIPPED}
    assert skipped == set(plan.graph) - reached(plan)
    assert schedule.result() is State.SUCCEEDED


@given(plans(failures=True), st.integers(0, 99), st.integers(1, 4))
def test_nothing_starts_after_a_failure_and_the_execution_fails(plan: Plan, seed: int, most: int) -> None:
    schedule = Schedule(plan.graph, most_parallel=most)
    started = drive(plan, schedule, seed)
    assert schedule.executing == []
    failed = plan.failing & set(started)
    assert schedule.failed is bool(failed)
    assert schedule.result() is (State.FAILED if failed else State.SUCCEEDED)


@given(plans(), st.integers(0, 99), st.integers(1, 5))
def test_nothing_starts_after_a_stop(plan: Plan, seed: int, after: int) -> None:
    schedule = Schedule(plan.graph, most_parallel=2)
    started = drive(plan, schedule, seed, stop_after=after)
    assert len(started) <= after + 1
    assert schedule.result() is (State.STOPPED if len(reached(plan)) >= after else State.SUCCEEDED)


@given(plans(failures=True), st.integers(0, 99))
def test_a_retry_runs_exactly_what_had_not_succeeded(plan: Plan, seed: int) -> None:
    first = Schedule(plan.graph, most_parallel=2)
    drive(plan, first, seed)
    kept = {name: plan.outcomes.get(name) for name, state in first.states.items() if state is State.SUCCEEDED}
    plan.failing.clear()
    second = Schedule(plan.graph, most_parallel=2, succeeded=kept)
    assert sorted(drive(plan, second, seed)) == sorted(reached(plan) - set(kept))
    assert second.result() is State.SUCCEEDED


@given(plans(), st.data())
def test_a_cycle_is_found_whenever_there_is_one(plan: Plan, data: st.DataObject) -> None:
    assert find_cycle(plan.graph) == []
    first, last = "s0", f"s{len(plan.graph) - 1}"
    chained = {
        name: Node(name, node.needs | ({f"s{number - 1}"} if number else {last}))
        for number, (name, node) in enumerate(plan.graph.items())
    }
    cycle = find_cycle(chained)
    assert cycle[0] == cycle[-1]
    assert all(after in chained[before].needs for before, after in pairwise(cycle))
    assert first in chained


def test_a_step_cannot_start_before_its_needs() -> None:
    schedule = Schedule({"a": Node("a"), "b": Node("b", frozenset({"a"}))}, most_parallel=5)
    with pytest.raises(ValueError, match="cannot start"):
        schedule.start("b")


def test_a_step_outside_a_condition_that_needs_one_inside_is_skipped_with_it() -> None:
    graph = {
        "gate": Node("gate"),
        "inside": Node("inside", frozenset({"gate"}), Branch("gate", True)),
        "outside": Node("outside", frozenset({"inside"})),
    }
    schedule = Schedule(graph, most_parallel=5)
    schedule.start("gate")
    schedule.finish("gate", State.SUCCEEDED, outcome=False)
    assert schedule.states["outside"] is State.SKIPPED
    assert schedule.done
    assert schedule.result() is State.SUCCEEDED


def test_parallelism_can_be_raised_while_it_runs() -> None:
    schedule = Schedule({name: Node(name) for name in "abc"}, most_parallel=1)
    schedule.start("a")
    assert schedule.startable() == []
    schedule.most_parallel = 3
    assert schedule.startable() == ["b", "c"]
