"""Histories of uploads, with everything that goes wrong around them, end as they must; planted bugs are found."""

from __future__ import annotations

import pytest

from tests.chaos import crashes
from tests.chaos.calls import AFTER
from tests.chaos.campaign import one_seed
from tests.chaos.checker import DOUBLE
from tests.chaos.history import generate
from tests.chaos.mutations import BLIND_RESUME, MUTATIONS
from tests.chaos.play import play
from tests.chaos.starter import silence

HISTORIES_THAT_FIND_EVERY_BUG = (1, 2, 3, 7, 14, 21, 25, *range(26, 60))
"""The first ones found all bugs when this was written; the others are for code that has changed since."""


@pytest.fixture(autouse=True)
def _quiet() -> None:
    silence()


@pytest.mark.parametrize("seed", range(1, 4))
def test_a_history_with_and_without_crashes_loses_doubles_and_leaves_nothing(seed: int) -> None:
    outcome = one_seed(seed)

    assert outcome.failures == []
    assert outcome.uploads


def test_the_reference_history_uses_every_job_of_the_function() -> None:
    played = play(crashes.reference())

    jobs = {call.label.split()[0] for call in played.calls}
    assert played.violations == ()
    assert jobs >= {"upload", "look", "reconciler", "run-end", "request"}


def test_the_same_seed_is_the_same_history_and_the_same_play() -> None:
    first, second = play(generate(7)), play(generate(7))

    assert first.history == second.history
    assert first.calls == second.calls
    assert first.evidence == second.evidence


def test_a_bug_that_shows_only_after_a_crash_is_found() -> None:
    history = crashes.reference()
    calls = play(history).calls
    points = [
        crash
        for crash in crashes.every(calls, until=history.quiet)
        if crash.when == AFTER and "StartPipelineExecution" in crash.label
    ]

    assert not any(play(history, [crash]).violations for crash in points)
    found = {violation.kind for crash in points for violation in BLIND_RESUME.play(history, [crash]).violations}
    assert DOUBLE in found


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_planted_bug_is_found(name: str) -> None:
    mutation = MUTATIONS[name]

    found = (mutation.play(generate(seed)).violations for seed in HISTORIES_THAT_FIND_EVERY_BUG)
    assert any(found), f"{len(HISTORIES_THAT_FIND_EVERY_BUG)} histories pass although {name}"
