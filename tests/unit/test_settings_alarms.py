"""The alarms tables: who is told, and what cannot be an alarm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from settings import load
from settings.alarms import AccountAlarms, read_account_alarms, read_model_alarms
from settings.errors import Problem
from settings.reader import Reader

TRIGGER = load().model("claims-fraud").trigger


def account(**values: Any) -> tuple[AccountAlarms, list[Problem]]:
    problems: list[Problem] = []
    reader = Reader({"emails": [], "schedule_silent_hours": 2, **values}, file="accounts.toml", problems=problems)
    return read_account_alarms(reader), problems


def model_age(hours: Any, *, trained_again_after: int = 0) -> list[str]:
    problems: list[Problem] = []
    reader = Reader({"model_age_hours": hours}, file="models/a.toml", problems=problems)
    read_model_alarms(reader, replace(TRIGGER, max_model_age_hours=trained_again_after))
    return [problem.message for problem in problems]


def test_several_people_may_be_told_or_nobody() -> None:
    addresses = ["a@example.com", "ops+ml@mail.example.co.kr"]
    alarms, problems = account(emails=addresses)
    assert (alarms.emails, problems) == (tuple(addresses), [])
    assert account() == (AccountAlarms((), 2), [])


@pytest.mark.parametrize("address", ["nobody", "a@b", "a b@example.com", "a@@example.com", ""])
def test_what_is_no_mail_address_is_told(address: str) -> None:
    (problem,) = account(emails=[address])[1]
    assert "write a mail address such as team@example.com" in problem.message


@pytest.mark.parametrize("hours", [1, 169])
def test_cloudwatch_looks_back_for_a_week_and_one_hour_of_silence_is_no_news(hours: int) -> None:
    (problem,) = account(schedule_silent_hours=hours)[1]
    assert "allowed: from 2 to 168" in problem.message


def test_a_model_that_is_trained_again_for_its_age_rings_only_when_that_did_not_help() -> None:
    assert model_age(25, trained_again_after=24) == []
    (told,) = model_age(24, trained_again_after=24)
    assert "make it longer" in told


def test_the_age_is_a_number_of_hours() -> None:
    assert model_age(0) == ["is 0; allowed: from 1 to 87600"]
    assert model_age("old") == ['is "old"; write a whole number']
