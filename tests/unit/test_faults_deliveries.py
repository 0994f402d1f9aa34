"""What becomes of deliveries that faults strike: all that are not dropped arrive, those overtaken after the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from millrace.local.clock import Clock
from millrace.local.faults.deliveries import Address, Deliveries
from millrace.local.faults.faults import Faults
from millrace.local.faults.records import Fault, Plan

RATES = st.sampled_from([0.0, 0.3, 1.0])
TARGETS = st.sampled_from(["queue", "topic"])


class Hours:
    """A timer whose moments come when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        self.waiting.append((seconds, action))

    def pass_by(self) -> None:
        waiting, self.waiting = sorted(self.waiting, key=lambda each: each[0]), []
        for _, action in waiting:
            action()


class Storm:
    """Deliveries under a plan, and what arrived."""

    def __init__(self, *faults: Fault, seed: int = 1) -> None:
        self.faults, self.hours = Faults(Clock()), Hours()
        self.arrived: list[int] = []
        timer: Any = self.hours
        self.deliveries: Deliveries[int] = Deliveries(self.faults, timer, self.arrived.extend)
        self.faults.put(Plan(seed, faults))

    def send(self, *numbers: int, kind: str = "Thing", target: str = "queue") -> None:
        for number in numbers:
            self.deliveries.pass_on(number, Address(kind, "rule", target, f"event {number}"))

    @property
    def held(self) -> int:
        return int(self.faults.describe()["held"])


@given(RATES, RATES, RATES, st.integers(0, 99), st.lists(TARGETS, max_size=20))
def test_nothing_is_lost_that_is_not_dropped(
    duplicate: float, reorder: float, delay: float, seed: int, targets: list[str]
) -> None:
    storm = Storm(
        Fault("duplicate", rate=duplicate, seconds=1),
        Fault("reorder", rate=reorder, seconds=2),
        Fault("delay", rate=delay, seconds=3),
        seed=seed,
    )

    for number, target in enumerate(targets):
        storm.send(number, target=target)
    storm.hours.pass_by()

    told = storm.faults.describe()
    assert set(storm.arrived) == set(range(len(targets)))
    assert len(storm.arrived) == len(targets) + told["faults"][0]["done"]
    assert max(Counter(storm.arrived).values(), default=0) <= 2
    assert storm.held == 0


def test_what_is_dropped_never_arrives() -> None:
    storm = Storm(Fault("drop", nth=2))

    storm.send(1, 2, 3)
    storm.hours.pass_by()

    assert storm.arrived == [1, 3]


def test_a_reordered_delivery_comes_right_after_the_next_one_to_its_target() -> None:
    storm = Storm(Fault("reorder", nth=1, seconds=60))

    storm.send(1)
    storm.send(2, target="topic")
    assert (storm.arrived, storm.held) == ([2], 1)
    storm.send(3, 4)

    assert storm.arrived == [2, 3, 1, 4]


def test_a_reordered_delivery_that_nothing_overtakes_comes_after_its_time() -> None:
    storm = Storm(Fault("reorder", nth=1, seconds=60))

    storm.send(1)
    storm.hours.pass_by()

    assert storm.arrived == [1]


def test_a_delayed_delivery_comes_after_its_time_and_not_with_the_next() -> None:
    storm = Storm(Fault("delay", nth=1, seconds=60))

    storm.send(1, 2)
    assert storm.arrived == [2]
    storm.hours.pass_by()

    assert storm.arrived == [2, 1]


def test_only_events_of_the_kind_are_struck() -> None:
    storm = Storm(Fault("drop", what="Object *", rate=1))

    storm.send(1, kind="Object Created")
    storm.send(2, kind="Scheduled Event")

    assert storm.arrived == [2]


def test_what_is_held_back_goes_on_its_way_when_the_faults_end_and_only_once() -> None:
    storm = Storm(Fault("reorder", rate=1, seconds=60), Fault("duplicate", rate=1, seconds=9))

    storm.send(1, 2)
    storm.faults.stop()
    storm.hours.pass_by()

    assert sorted(storm.arrived) == [1, 1, 2, 2]
