"""`millrace drop` says what became of the files and what comes next; `millrace` alone says where one is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CLAIMS = "raw/claims-fraud/claims/claims.csv"


@pytest.fixture
def claims(tmp_path: Path) -> str:
    path = tmp_path / "claims.csv"
    path.write_text("policy_id,fraud\n1,0\n")
    return str(path)


def version_of(trigger: Any, key: str) -> str:
    return str(trigger.shell.client("s3").head_object(Bucket=trigger.places["Raw"], Key=key)["VersionId"])


def test_a_drop_waits_until_the_file_was_looked_at(trigger: Any, claims: str) -> None:
    with trigger.shell.start("drop", claims) as drop:
        assert "claims.csv -> s3://" in drop.stdout.readline()
        trigger.file("claims/claims.csv", "seen", version=version_of(trigger, CLAIMS))
        rest = drop.stdout.read()

    assert "claims-fraud waits for customers: a run starts when every table has a file." in rest
    assert drop.returncode == 0


def test_a_file_that_no_run_can_use_ends_the_drop_with_the_reason_and_exit_code_1(trigger: Any, claims: str) -> None:
    told = {"reason_code": "label-values", "reason": "the label holds 'maybe'", "quarantine": "s3://a/quarantine/1"}
    with trigger.shell.start("drop", claims) as drop:
        drop.stdout.readline()
        trigger.file("claims/claims.csv", "rejected", version=version_of(trigger, CLAIMS), **told)
        rest = drop.stdout.read()

    assert "claims.csv was refused (label-values): the label holds 'maybe'" in rest
    assert "s3://a/quarantine/1" in rest
    assert "a run starts" not in rest
    assert drop.returncode == 1


def test_a_drop_says_how_long_it_takes_until_the_run_starts(trigger: Any, claims: str) -> None:
    trigger.upload("raw/claims-fraud/customers/customers.csv")

    told = trigger.shell("drop", claims, "--no-wait").out

    assert "Every table of claims-fraud has a file: a run starts by itself, 2 s after the last upload" in told


def test_a_drop_during_a_run_says_that_the_next_one_takes_it(trigger: Any, claims: str) -> None:
    trigger.upload("raw/claims-fraud/customers/customers.csv")
    trigger.lock(holder=f"{'a' * 64}-1", phase="running")

    assert "new files go into the next one" in trigger.shell("drop", claims, "--no-wait").out


def test_a_file_with_an_upper_case_suffix_is_taken_and_another_suffix_is_not(trigger: Any, tmp_path: Path) -> None:
    upper, other = tmp_path / "claims.CSV", tmp_path / "claims.parquet"
    upper.write_text("policy_id\n")
    other.write_text("")

    assert "claims.CSV ->" in trigger.shell("drop", str(upper), "--no-wait").out
    assert "does not end in .csv" in trigger.shell("drop", str(other), "--no-wait").err


def test_the_status_counts_the_files_by_state(trigger: Any) -> None:
    trigger.upload(CLAIMS)
    trigger.file("claims/a.csv", "trained")
    trigger.file("claims/b.csv", "trained")
    trigger.file("claims/c.csv", "superseded")

    told = trigger.shell().out

    assert "files       2 trained, 1 superseded" in told
    assert "Next: millrace drop customers.csv" in told


def test_a_table_whose_only_file_was_refused_is_not_there(trigger: Any) -> None:
    version = trigger.upload(CLAIMS)
    trigger.upload("raw/claims-fraud/customers/customers.csv")
    trigger.file("claims/claims.csv", "rejected", version=version, reason_code="empty", reason="empty")

    told = trigger.shell().out

    assert "customers: yes, claims: none" in told
    assert "Next: millrace ledger --state rejected" in told


def test_the_status_tells_of_dead_letters(trigger: Any) -> None:
    trigger.upload(CLAIMS)
    trigger.upload("raw/claims-fraud/customers/customers.csv")
    trigger.shell.client("sqs").send_message(QueueUrl=trigger.places["DeadLetters"], MessageBody="{}")

    told = trigger.shell().out

    assert "1 message in the dead-letter queues" in told
    assert "Next: millrace replay dlq --list" in told
