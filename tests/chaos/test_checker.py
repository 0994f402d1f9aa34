"""The checker by itself: a good end of a history, and the ways in which it can be bad."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.checker import DOUBLE, LOST, STUCK, check
from tests.chaos.evidence import Asked, Current, DeadLetter, Evidence, Trained, Upload, Version
from tests.chaos.history import BAD, GOOD, IGNORE

MODEL, TABLE = "churn", "accounts"
KEY = f"raw/{MODEL}/{TABLE}/a.csv"
RUN = f"{'d' * 64}-1"
TRIGGER = {"attempts": 1, "start": "new", "max_model_age_hours": 0}
GOOD_FILE = Upload(10.0, MODEL, TABLE, KEY, "v1", "sha-1", GOOD, noticed=True)


def execution(**changes: Any) -> Trained:
    manifest = {"model": MODEL, "tables": {TABLE: [{"key": KEY, "version_id": "v1", "etag": "e", "size": 3}]}}
    run = Trained("arn:1", MODEL, RUN, 20.0, 30.0, "Succeeded", False, manifest, {TABLE: ("sha-1",)})
    return replace(run, **changes)


def row(**changes: Any) -> dict[str, Any]:
    known = {"model": MODEL, "item": f"file#{TABLE}#1", "key": KEY, "version_id": "v1", "state": "trained", "run": RUN}
    return known | changes


RUN_ROW = {"model": MODEL, "item": f"run#{'d' * 64}#00001", "run": RUN, "state": "succeeded"}


def evidence(**changes: Any) -> Evidence:
    """One file, put and trained."""
    good = Evidence(
        tables={MODEL: (TABLE,)},
        trigger=TRIGGER,
        uploads=(GOOD_FILE,),
        versions=(Version(KEY, "v1", latest=True, marker=False),),
        timeline=(Current(10.0, KEY, "v1"),),
        rows=(row(), RUN_ROW),
        executions=(execution(),),
    )
    return replace(good, **changes)


def test_a_file_that_was_put_and_trained_is_all_right() -> None:
    assert check(evidence()) == ()


TWICE = execution().manifest["tables"][TABLE] * 2  # type: ignore[index]
FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "a version without a row": (LOST, {"rows": (RUN_ROW,)}),
    "a version with two rows": (DOUBLE, {"rows": (row(), row(item="file#other#1"), RUN_ROW)}),
    "a trained version that is told as failed": (LOST, {"rows": (row(state="failed"), RUN_ROW)}),
    "a version still assigned": (STUCK, {"rows": (row(state="assigned"), RUN_ROW)}),
    "a version never trained": (STUCK, {"rows": (row(state="seen"), RUN_ROW), "executions": ()}),
    "a bad file that was trained": (LOST, {"uploads": (replace(GOOD_FILE, verdict=BAD),)}),
    "an ignored name with a row": (LOST, {"uploads": (replace(GOOD_FILE, verdict=IGNORE),)}),
    "a row of a version nobody put": (LOST, {"rows": (row(), row(version_id="v9"), RUN_ROW)}),
    "a run that read another file": (LOST, {"executions": (execution(reads={TABLE: ("sha-9",)}),)}),
    "a run that read a file twice": (DOUBLE, {"executions": (execution(reads={TABLE: ("sha-1", "sha-1")}),)}),
    "a manifest that names a file twice": (
        DOUBLE,
        {"executions": (execution(manifest={"tables": {TABLE: TWICE}}),)},
    ),
    "a manifest from the future": (LOST, {"timeline": (Current(25.0, KEY, "v1"),)}),
    "a run started twice": (DOUBLE, {"executions": (execution(), execution(arn="arn:2", started=40.0, ended=50.0))}),
    "two runs at once": (DOUBLE, {"executions": (execution(), execution(arn="arn:2", started=25.0))}),
    "a run without a row": (LOST, {"rows": (row(),)}),
    "a run that never ends": (STUCK, {"executions": (execution(status="Executing", ended=None),)}),
    "a run whose end was not noted": (STUCK, {"rows": (row(), RUN_ROW | {"state": "running"})}),
    "a run that was only noted": (STUCK, {"executions": ()}),
    "a lock that is held": (STUCK, {"rows": (row(), RUN_ROW, {"model": MODEL, "item": "lock", "holder": RUN})}),
    "a look that is due": (STUCK, {"rows": (row(), RUN_ROW, {"model": MODEL, "item": "wake", "due": 1.0})}),
    "a message that waits": (STUCK, {"waiting": ("{}",)}),
    "poison that vanished": (LOST, {"poison": ("{oops",)}),
    "poison without a reason": (LOST, {"poison": ("{oops",), "dead": (DeadLetter("{oops", "", ""),)}),
    "a request nobody answered": (LOST, {"requests": (Asked(MODEL, "drift-1", "{}"),)}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_checker_finds(name: str) -> None:
    kind, changes = FAULTS[name]

    assert kind in {violation.kind for violation in check(evidence(**changes))}


def test_a_superseded_version_may_be_deleted_for_good_but_not_seen() -> None:
    old = replace(GOOD_FILE, version_id="v0", digest="sha-0", at=5.0)
    changed = (Current(5.0, KEY, "v0"), Current(10.0, KEY, "v1"))
    states = {
        state: check(evidence(uploads=(old, GOOD_FILE), timeline=changed, rows=(row(), RUN_ROW, old_row)))
        for state in ("superseded", "deleted", "seen", "trained")
        for old_row in [row(item=f"file#{TABLE}#0", version_id="v0", state=state)]
    }

    assert [state for state, violations in states.items() if not violations] == ["superseded", "deleted"]
