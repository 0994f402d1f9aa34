"""What commands print: plain in a pipe, one line per change, one line per error."""

from __future__ import annotations

import botocore.exceptions
import pytest

from millrace.cli import failures, screen
from millrace.cli.app import options_first
from millrace.cli.progress import Progress, Row
from millrace.errors import MillraceError


def test_in_a_pipe_each_change_of_state_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        progress.update([Row("Train", "Executing", 0.1)])
        progress.update([Row("Train", "Executing", 0.2)])
        progress.update([Row("Train", "Succeeded", 1.5, "taken from the cache")])

    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["Train", "Executing", "0.1", "s"],
        ["Train", "Succeeded", "1.5", "s", "taken", "from", "the", "cache"],
    ]


def test_in_a_pipe_there_are_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        progress.update([Row("Train", "Failed", 0.1)])
    screen.table(("run", "state"), [("abc", "Failed")])
    screen.heading("[Gate] of the run")

    printed = capsys.readouterr().out
    assert "[Gate] of the run" in printed
    assert all(character.isprintable() or character == "\n" for character in printed)


def test_columns_are_aligned_as_a_terminal_shows_them(capsys: pytest.CaptureFixture[str]) -> None:
    screen.table(("file", "state"), [("청구.csv", "seen"), ("a.csv", "seen")])

    assert capsys.readouterr().out.splitlines()[1:] == ["청구.csv  seen", "a.csv     seen"]


def test_a_long_line_is_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    screen.say("x" * 500)

    assert capsys.readouterr().out == "x" * 500 + "\n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (0.04, "0.0 s"), (59.94, "59.9 s"), (61, "1 min 01 s"), (7260, "2 h 01 min")]
)
def test_durations_are_readable(seconds: float | None, text: str) -> None:
    assert screen.duration(seconds) == text


def test_an_error_of_a_service_names_the_operation_and_what_to_do() -> None:
    answer = {"Error": {"Code": "AccessDenied", "Message": "not you"}}
    error = botocore.exceptions.ClientError(answer, "PutObject")

    assert failures.describe(error) == "PutObject: AccessDenied: not you (the credentials in use lack this right)"


def test_our_own_errors_are_told_as_they_are() -> None:
    assert failures.describe(MillraceError("no run yet")) == "no run yet"


def test_an_unreachable_server_is_told_with_the_command_that_starts_it() -> None:
    error = botocore.exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:1/")

    assert "millrace up" in str(failures.describe(error))


def test_an_unexpected_error_keeps_its_traceback() -> None:
    assert failures.describe(ZeroDivisionError()) is None


@pytest.mark.parametrize(
    ("given", "ordered"),
    [
        (["runs", "--profile", "prod", "latest"], ["--profile", "prod", "runs", "latest"]),
        (["runs", "--region=eu-west-1"], ["--region=eu-west-1", "runs"]),
        (["logs", "--step", "Train", "--debug"], ["--debug", "logs", "--step", "Train"]),
        (["drop", "--", "--profile"], ["drop", "--", "--profile"]),
        (["runs", "--account"], ["--account", "runs"]),
    ],
)
def test_the_options_of_every_command_may_stand_anywhere(given: list[str], ordered: list[str]) -> None:
    assert options_first(given) == ordered
