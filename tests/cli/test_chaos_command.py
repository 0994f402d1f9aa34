"""`millrace chaos` sets what goes wrong in the embedded AWS, shows what it did, and ends it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _calm_afterwards(shell: Any) -> Iterator[None]:
    yield
    shell("chaos", "off")


def test_what_is_set_is_shown_with_what_it_did(shell: Any) -> None:
    answer = shell("chaos", "set", "--seed", "7", "--lose-answer", "sqs:CreateQueue=#1", "--by", "root")
    assert answer.out.startswith("Faults are on, seed 7.")

    made = shell.client("sqs").create_queue(QueueName="chaos-command")
    lines = shell("chaos").out.splitlines()

    assert made["ResponseMetadata"]["RetryAttempts"] == 1
    assert lines[1].split() == ["fault", "what", "by", "how", "often", "met", "done"]
    assert lines[2].split() == ["lose-answer", "sqs:CreateQueue", "root", "only", "#1", "2", "1"]
    assert "lose-answer  sqs:CreateQueue of root" in lines[-1]


def test_several_faults_of_each_kind_can_be_set(shell: Any) -> None:
    answer = shell(
        *["chaos", "set", "--by", "nobody", "--seconds", "9"],
        *["--drop", "Object Created=1%", "--drop", "Scheduled Event=2%", "--delay", "10%x5"],
        *["--crash", "after:dynamodb:PutItem=#1", "--redeliver", "before:0.5"],
    )

    rows = [line.split("  ") for line in answer.out.splitlines()[2:]]
    assert [next(filter(None, row)).strip() for row in rows] == [
        "delay",
        "drop",
        "drop",
        "redeliver before",
        "crash after",
    ]
    assert "0.1, 5 times at most, 9 s" in answer.out


def test_off_ends_it_and_keeps_the_counts(shell: Any) -> None:
    shell("chaos", "set", "--drop", "1%", "--by", "nobody")

    assert shell("chaos", "off").out.startswith("Faults are off, seed 1.")
    assert "nobody" in shell("chaos").out


def test_what_makes_no_sense_is_refused_in_one_line(shell: Any) -> None:
    for arguments, said in (
        (("set",), "nothing to go wrong"),
        (("show", "--drop", "1%"), "say `millrace chaos set`"),
        (("set", "--drop", "often"), "is no share"),
        (("set", "--drop", "150%"), "rate is 1.5; it must be a number from 0 to 1"),
        (("set", "--throttle", "dynamodb:Put=1%"), "dynamodb has no operation 'Put'"),
    ):
        answer = shell("chaos", *arguments)
        assert answer.code == 1
        assert said in answer.err
        assert answer.err.count("\n") == 1


def test_a_real_account_is_left_alone(shell: Any) -> None:
    assert "goes wrong by itself" in shell("--profile", "production", "chaos").err
