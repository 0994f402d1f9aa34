"""Which things faults strike: by the seed alone, no more often than asked, and every mistake of a plan is named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.clock import Clock
from millrace.local.faults.faults import Faults
from millrace.local.faults.records import FIELDS, SECONDS, BadPlan, Fault, Plan, read


def struck(plan: Plan, times: int, kind: str = "drop", what: str = "Thing", by: str = "rule") -> list[bool]:
    """Which of so many equal things the plan strikes."""
    faults = Faults(Clock())
    faults.put(plan)
    return [bool(faults.strike(kind, what, by=by, about="")) for _ in range(times)]


def plan(*faults: Fault, seed: int = 7) -> Plan:
    return Plan(seed, faults)


@given(st.integers(), st.floats(0, 1))
def test_the_same_seed_makes_the_same_decisions(seed: int, rate: float) -> None:
    dropping = plan(Fault("drop", rate=rate), seed=seed)

    assert struck(dropping, 50) == struck(dropping, 50)


def test_another_seed_makes_other_decisions() -> None:
    made = {tuple(struck(plan(Fault("drop", rate=0.5), seed=seed), 50)) for seed in range(20)}

    assert len(made) == 20


@given(st.floats(0.2, 0.8))
def test_a_share_is_kept_roughly(rate: float) -> None:
    assert abs(sum(struck(plan(Fault("drop", rate=rate)), 400)) / 400 - rate) < 0.15


def test_no_share_is_nothing_and_the_whole_is_everything() -> None:
    assert struck(plan(Fault("drop", rate=0)), 100) == [False] * 100
    assert struck(plan(Fault("drop", rate=1)), 100) == [True] * 100


@given(st.integers(1, 20))
def test_only_the_nth_is_struck(nth: int) -> None:
    assert [number for number, hit in enumerate(struck(plan(Fault("drop", nth=nth)), 30), 1) if hit] == [nth]


@given(st.integers(1, 10))
def test_it_strikes_no_more_often_than_asked(times: int) -> None:
    unlimited = struck(plan(Fault("drop", rate=0.5)), 100)
    limited = struck(plan(Fault("drop", rate=0.5, times=times)), 100)
    first = [number for number, hit in enumerate(unlimited) if hit][:times]

    assert [number for number, hit in enumerate(limited) if hit] == first


@given(st.permutations(["a.csv", "b.csv", "c.csv", "d.csv"] * 2))
def test_what_is_decided_about_an_object_does_not_depend_on_the_order_of_all(keys: list[str]) -> None:
    def decided(order: list[str]) -> list[tuple[str, bool]]:
        faults = Faults(Clock())
        faults.put(plan(Fault("drop", rate=0.5)))
        return sorted((key, bool(faults.strike("drop", "Thing", by="rule", about="", key=key))) for key in order)

    assert decided(keys) == decided(sorted(keys))


@given(st.lists(st.booleans(), max_size=20))
def test_a_fault_decides_alike_whatever_other_faults_meet(others: list[bool]) -> None:
    faults = Faults(Clock())
    faults.put(plan(Fault("drop", what="Thing", rate=0.5), Fault("delay", rate=0.5)))
    made = []
    for other in others:
        if other:
            faults.strike("delay", "Thing", by="rule", about="")
            faults.strike("drop", "Another thing", by="rule", about="")
        made.append(bool(faults.strike("drop", "Thing", by="rule", about="")))

    assert made == struck(plan(Fault("drop", what="Thing", rate=0.5)), len(others))


def test_it_concerns_what_its_patterns_name() -> None:
    aimed = plan(Fault("throttle", what="dynamodb:*Item", by="millrace-dev-*", rate=1))

    assert struck(aimed, 1, "throttle", "dynamodb:PutItem", "millrace-dev-start-pipeline") == [True]
    assert struck(aimed, 1, "throttle", "dynamodb:Query", "millrace-dev-start-pipeline") == [False]
    assert struck(aimed, 1, "throttle", "dynamodb:PutItem", "root") == [False]
    assert struck(aimed, 1, "crash", "dynamodb:PutItem", "millrace-dev-start-pipeline") == [False]


def test_nothing_goes_wrong_before_a_plan_and_after_its_end_and_the_counts_stay() -> None:
    faults = Faults(Clock())
    assert not faults.strike("drop", "Thing", by="rule", about="")

    faults.put(plan(Fault("drop", rate=1)))
    assert faults.strike("drop", "Thing", by="rule", about="event 1")
    faults.stop()

    assert not faults.strike("drop", "Thing", by="rule", about="event 2")
    told = faults.describe()
    assert (told["on"], told["faults"][0]["seen"], told["faults"][0]["done"]) == (False, 1, 1)
    assert [each["about"] for each in told["injected"]] == ["event 1"]


def asked() -> st.SearchStrategy[dict[str, Any]]:
    values = {
        "what": st.text(max_size=10),
        "by": st.text(max_size=10),
        "seconds": st.floats(0, 43200),
        "when": st.sampled_from(["before", "after"]),
        "code": st.text(max_size=10),
    }

    def of_kind(kind: str) -> st.SearchStrategy[dict[str, Any]]:
        further = {name: values[name] for name in ("what", "by", *sorted(FIELDS[kind]))}
        often = st.fixed_dictionaries({"rate": st.floats(0, 1)}) | st.fixed_dictionaries({"nth": st.integers(1, 99)})
        rest = st.fixed_dictionaries({}, optional={**further, "times": st.integers(1, 99)})
        return st.builds(lambda a, b: {"kind": kind, **a, **b}, often, rest)

    return st.sampled_from(sorted(FIELDS)).flatmap(of_kind)


@given(st.integers(), st.lists(asked(), max_size=4))
def test_a_plan_is_read_as_it_was_written(seed: int, faults: list[dict[str, Any]]) -> None:
    made = read({"seed": seed, "faults": faults})

    assert made.seed == seed
    for fault, given_ in zip(made.faults, faults, strict=True):
        assert given_.items() <= fault.described().items()
        assert fault.seconds == given_.get("seconds", SECONDS.get(fault.kind, 0.0))


WRONG: list[tuple[Any, str]] = [
    ("drop", "is no object"),
    ({"rate": 1}, "kind is None; there are duplicate, reorder"),
    ({"kind": "explode", "rate": 1}, "kind is 'explode'"),
    ({"kind": "drop"}, "give either rate"),
    ({"kind": "drop", "rate": 0.1, "nth": 2}, "give either rate"),
    ({"kind": "drop", "rate": 20}, "rate is 20; it must be a number from 0 to 1"),
    ({"kind": "drop", "rate": True}, "rate is True"),
    ({"kind": "drop", "rate": float("nan")}, "rate is nan"),
    ({"kind": "drop", "nth": 0}, "nth is 0; it must be a whole number from 1 on"),
    ({"kind": "drop", "rate": 1, "times": 1.5}, "times is 1.5"),
    ({"kind": "drop", "rate": 1, "seconds": 3}, "drop has no 'seconds'"),
    ({"kind": "delay", "rate": 1, "seconds": -1}, "seconds is -1; it must be a number from 0 to 43200"),
    ({"kind": "crash", "rate": 1, "when": "during"}, "when is 'during'; it must be before or after"),
    ({"kind": "crash", "rate": 1, "what": 5}, "what is 5; it must be text"),
]


@pytest.mark.parametrize(("fault", "mistake"), WRONG)
def test_a_mistake_in_a_fault_is_named(fault: Any, mistake: str) -> None:
    with pytest.raises(BadPlan, match="fault 2: ") as refused:
        read({"faults": [{"kind": "drop", "rate": 1}, fault]})

    assert mistake in str(refused.value)


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(BadPlan) as refused:
        read({"sead": 1, "seed": "x", "faults": [{"kind": "drop", "rate": 2, "times": 0}]})

    assert str(refused.value).count(";") >= 3
