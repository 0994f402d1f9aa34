"""The steps of a rollout: whole instances, never more than the percentage, the last step is everything."""

from __future__ import annotations

import pytest

from millrace.local.serving.deployment import steps
from millrace.local.serving.rollout import CANARY, LINEAR, Rollout, Size, read


@pytest.mark.parametrize(
    ("rollout", "count", "expected"),
    [
        (Rollout(), 3, [3]),
        (Rollout(CANARY, Size(10, percent=True)), 2, [1, 2]),
        (Rollout(CANARY, Size(50, percent=True)), 3, [1, 3]),
        (Rollout(CANARY, Size(2, percent=False)), 5, [2, 5]),
        (Rollout(LINEAR, Size(20, percent=True)), 5, [1, 2, 3, 4, 5]),
        (Rollout(LINEAR, Size(50, percent=True)), 5, [2, 4, 5]),
        (Rollout(LINEAR, Size(1, percent=False)), 3, [1, 2, 3]),
    ],
)
def test_traffic_is_given_to_whole_instances(rollout: Rollout, count: int, expected: list[int]) -> None:
    assert rollout.steps(count) == expected


def test_every_step_but_the_last_bakes_for_the_interval() -> None:
    rollout = Rollout(LINEAR, Size(50, percent=True), wait=300, termination=120)
    found = steps(rollout, {"a": 4, "b": 2})
    assert [(step.active, step.seconds, step.last) for step in found] == [
        ({"a": 2, "b": 1}, 300, False),
        ({"a": 4, "b": 2}, 120, True),
    ]


def test_without_a_configuration_all_goes_at_once_and_nothing_is_waited_for() -> None:
    assert read(None) == Rollout()
    assert [step.seconds for step in steps(read(None), {"a": 1})] == [0]
