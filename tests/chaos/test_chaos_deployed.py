"""A history against the deployed stacks: real events, queues, functions and runs, and the same checker."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.deployed import deployed


def test_a_history_with_faults_on_the_deployed_stacks_loses_doubles_and_leaves_nothing(tmp_path: Path) -> None:
    with deployed(tmp_path) as world:
        world.calls = 60  # so that the crashes strike in the first history already

        violations = world.play(2)

        assert violations == ()
        assert world.struck["crash"]
        assert world.uploads
        assert world.compared
