"""`millrace ledger` says of each file in which state it is, and why."""

from __future__ import annotations

import json
from typing import Any

import pytest


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_files_are_counted_by_table_and_state(trigger: Any) -> None:
    trigger.file("claims/a.csv", "trained")
    trigger.file("claims/b.csv", "trained")
    trigger.file("claims/c.csv", "rejected", reason_code="empty", reason="the file is empty")

    shown = lines(trigger.shell("ledger").out)

    states = ["seen", "assigned", "trained", "failed", "rejected", "superseded", "deleted"]
    assert shown[0] == ["claims-fraud:", "3", "file", "versions"]
    assert shown[1] == ["table", *states]
    assert shown[2] == ["claims", "-", "-", "2", "-", "1", "-", "-"]
    assert shown[3] == ["customers", "-", "-", "-", "-", "-", "-", "-"]


def test_each_row_says_why_it_is_in_its_state(trigger: Any) -> None:
    run = trigger.run(trigger.file("claims/a.csv", "trained"))
    trigger.file("claims/b.csv", "trained", run=run.run)
    trigger.file("claims/c.csv", "failed", run=run.run)
    trigger.file("claims/d.csv", "rejected", reason_code="delimiter", reason="the columns are separated by tabs")
    trigger.file("claims/e.csv", "seen")
    trigger.file("claims/f.csv", "superseded")
    trigger.file("claims/g.csv", "deleted", reason="it vanished while it was copied")

    told = {line[0]: " ".join(line[5:]) for line in lines(trigger.shell("ledger").out) if line and "/" in line[0]}

    name = f"{run.digest[:12]}-1"
    assert told["claims/b.csv"] == f"run {name} trained on it"
    assert told["claims/c.csv"] == f"run {name} failed or was stopped; the next run takes it again"
    assert told["claims/d.csv"] == "delimiter: the columns are separated by tabs"
    assert told["claims/e.csv"] == "waits for the next run"
    assert told["claims/f.csv"] == "a newer version came before a run trained on it"
    assert told["claims/g.csv"] == "it vanished while it was copied"


def test_a_file_that_waits_says_for_which_run(trigger: Any) -> None:
    run = trigger.run(trigger.file("claims/a.csv", "assigned"))
    trigger.lock(holder=run.run, phase="running")
    trigger.file("claims/b.csv", "seen")

    assert f"waits until run {run.digest[:12]}-1 has ended" in trigger.shell("ledger").out


def test_only_the_state_that_is_asked_for_is_shown(trigger: Any) -> None:
    trigger.file("claims/a.csv", "trained")
    trigger.file("claims/b.csv", "rejected", reason_code="empty", reason="the file is empty")

    shown = trigger.shell("ledger", "--state", "rejected").out

    assert "claims/b.csv" in shown
    assert "claims/a.csv" not in shown


@pytest.mark.parametrize("wanted", ["march.csv", "claims/march.csv", "raw/claims-fraud/claims/march.csv"])
def test_a_file_is_found_by_the_end_of_its_key_in_all_its_versions(trigger: Any, wanted: str) -> None:
    trigger.file("claims/march.csv", "superseded", at=1.0)
    trigger.file("claims/march.csv", "trained", at=2.0)
    trigger.file("claims/notmarch.csv", "trained")

    shown = [line for line in lines(trigger.shell("ledger", "--file", wanted).out) if line and "/" in line[0]]

    assert [(line[0], line[2]) for line in shown] == [
        ("claims/march.csv", "trained"),
        ("claims/march.csv", "superseded"),
    ]


def test_a_file_is_found_by_its_address(trigger: Any) -> None:
    row = trigger.file("claims/a.csv", "seen")
    trigger.file("claims/b.csv", "seen")

    shown = trigger.shell("ledger", "--file", f"s3://{row.bucket}/{row.key}").out

    assert "claims-fraud: 1 file version" in shown


def test_what_a_run_trains_on_is_shown_whoever_trained_on_it_first(trigger: Any) -> None:
    old, new = trigger.file("customers/a.csv", "trained", run=f"{'0' * 64}-1"), trigger.file("claims/b.csv", "assigned")
    trigger.file("claims/later.csv", "seen")
    run = trigger.run(old, new)

    for wanted in (run.run, run.digest[:7], f"{run.digest[:12]}-1"):
        shown = trigger.shell("ledger", "--run", wanted).out
        assert "claims-fraud: 2 file versions" in shown
        assert "later" not in shown


def test_only_as_many_rows_as_wanted_are_shown_newest_first(trigger: Any) -> None:
    for number in range(5):
        trigger.file(f"claims/{number}.csv", "seen", at=float(number + 1))

    shown = trigger.shell("ledger", "--last", "2").out

    assert shown.index("claims/4.csv") < shown.index("claims/3.csv") < shown.index("... and 3 older ones")
    assert "claims/2.csv" not in shown


def test_the_ledger_is_printed_as_json(trigger: Any) -> None:
    row = trigger.file("claims/a.csv", "rejected", reason_code="empty", reason="비어 있음", size=0)

    told = json.loads(trigger.shell("ledger", "--json").out)

    assert told["counts"] == {"claims-fraud": {"claims": {"rejected": 1}}}
    [file] = told["files"]
    assert (file["version_id"], file["reason_code"], file["reason"]) == (row.version_id, "empty", "비어 있음")


def test_a_key_with_control_characters_stays_on_one_line(trigger: Any) -> None:
    trigger.file("claims/a\nb\x1b[31m.csv", "seen")

    assert "claims/a\\nb\\x1b[31m.csv" in trigger.shell("ledger").out


def test_a_state_that_does_not_exist_is_refused_with_those_that_do(trigger: Any) -> None:
    answer = trigger.shell("ledger", "--state", "lost")

    assert answer.code == 1
    assert "--state is 'lost': a file is seen, assigned, trained, failed, rejected, superseded or deleted" in answer.err


def test_an_empty_ledger_shows_the_tables_it_waits_for(trigger: Any) -> None:
    answer = trigger.shell("ledger")

    assert answer.code == 0
    assert "claims-fraud: 0 file versions" in answer.out
    assert "customers" in answer.out
