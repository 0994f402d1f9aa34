"""`millrace demo` from an empty state folder, and what a user does after it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = "2000"
Millrace = Callable[..., subprocess.CompletedProcess[str]]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "MILLRACE_HOME": str(home), "MILLRACE_PORT": "0"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "state"


@pytest.fixture(scope="module")
def millrace(home: Path) -> Iterator[Millrace]:
    def run(*arguments: str, answer: str | None = None) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "millrace", *arguments]
        env = environment(home)
        return subprocess.run(command, cwd=ROOT, env=env, input=answer, capture_output=True, text=True, timeout=300)

    yield run
    run("down")


@pytest.fixture(scope="module")
def shown(millrace: Millrace) -> str:
    """What the first demo printed."""
    ended = millrace("demo", "--rows", ROWS)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_the_demo_ends_with_a_prediction_over_http(shown: str) -> None:
    assert re.search(r"POST http://127\.0\.0\.1:\d+/endpoints/claims-fraud/invocations", shown)
    answer = re.search(r'^  (\{"predictions": .*\})$', shown, re.MULTILINE)
    assert answer
    [prediction] = json.loads(answer[1])["predictions"]
    assert 0.0 <= prediction["score"] <= 1.0
    assert prediction["decision"] in (0, 1)


def test_the_demo_shows_that_one_table_waits_for_the_other(shown: str) -> None:
    waits = shown.index("claims-fraud waits for customers")

    assert shown.index("claims.csv ->") < waits < shown.index("customers.csv ->")


def test_the_demo_says_where_everything_is(shown: str, home: Path) -> None:
    places = shown[shown.index("Where everything is") :]

    for name in ("report", "run", "logs", "endpoint", "raw data", "stop it"):
        assert re.search(rf"^  {name} ", places, re.MULTILINE)
    assert "<svg" in (home / "demo" / "report" / "report.html").read_text()


def test_a_second_demo_says_that_there_is_nothing_new_and_still_predicts(millrace: Millrace, shown: str) -> None:
    again = millrace("demo", "--rows", ROWS)

    assert again.returncode == 0, again.stderr
    assert "nothing new, so no new run" in again.stdout
    assert "already serves claims-fraud/1" in again.stdout
    assert '"predictions"' in again.stdout
    assert len(re.findall(r"^\w+ +claims-fraud +Succeeded ", millrace("runs").stdout, re.MULTILINE)) == 1


def test_the_status_names_the_version_that_is_served(millrace: Millrace, shown: str) -> None:
    status = millrace().stdout

    assert "InService version 1" in status
    assert "Next: millrace invoke" in status


def test_rows_of_a_file_are_scored(millrace: Millrace, shown: str, tmp_path: Path) -> None:
    sample = tmp_path / "rows.csv"
    sample.write_text(csv_rows(3))

    table = millrace("invoke", str(sample)).stdout.splitlines()
    piped = millrace("invoke", "-", "--json", answer=csv_rows(3)).stdout

    assert table[0].split() == ["row", "score", "decision"]
    assert len(table) == 4
    assert len(json.loads(piped)["predictions"]) == 3


def test_rows_that_the_model_refuses_are_told_with_the_column(millrace: Millrace, shown: str) -> None:
    ended = millrace("invoke", "-", answer='{"num_injuries": "many"}')

    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert re.match(r"Error: the model refused the rows \(400\): \w+: ", ended.stderr)


def test_logs_of_a_step_and_of_a_function_are_found(millrace: Millrace, shown: str) -> None:
    assert "validation-auc" in millrace("logs", "--step", "Train").stdout
    assert "claims-fraud: started arn:" in millrace("logs", "start-pipeline").stdout


def test_the_ledger_names_the_run_that_trained_on_each_file(millrace: Millrace, shown: str) -> None:
    run = re.search(r"The run (\w+) of the pipeline", shown)
    assert run
    for arguments in ((), ("--run", run[1]), ("--state", "trained")):
        told = millrace("ledger", *arguments).stdout
        assert re.search(rf"^  claims/claims\.csv .* run {run[1]} trained on it$", told, re.MULTILINE)
        assert "customers/customers.csv" in told


def test_one_correlation_id_leads_from_the_upload_to_the_model_version(millrace: Millrace, shown: str) -> None:
    for file in json.loads(millrace("ledger", "--json").stdout)["files"]:
        told = millrace("logs", "--correlation", file["correlation"]).stdout
        for part in ("claims/claims.csv (version", "customers/customers.csv (version", "succeeded, cause upload"):
            assert part in told
        assert "claims-fraud/1: Approved" in told
        assert "event=run-started" in told


def test_why_no_further_run_started_is_listed(millrace: Millrace, shown: str) -> None:
    run = re.search(r"The run (\w+) of the pipeline", shown)
    assert run
    assert "waiting for a file in: claims, customers" in millrace("runs").stdout

    millrace("clock", "1h")

    reason, deadline = f"nothing new since run {run[1]}", time.monotonic() + 60
    while reason not in millrace("runs").stdout:
        assert time.monotonic() < deadline, f"no scheduled look said: {reason}"


def test_the_report_of_a_run_is_downloaded(millrace: Millrace, shown: str) -> None:
    path = millrace("report").stdout.splitlines()[-1]

    assert Path(path).read_text().lstrip().lower().startswith("<!doctype html>")


def test_a_deployment_without_changes_says_so(millrace: Millrace, shown: str) -> None:
    assert "Nothing has changed: 9 stacks up to date" in millrace("deploy", "Dev/*").stdout


def test_a_version_cannot_be_approved_that_does_not_exist(millrace: Millrace, shown: str) -> None:
    assert "no version waits for approval" in millrace("approve").stderr
    assert "'7' is no registered version; there are claims-fraud/1 (Approved)" in millrace("approve", "7").stderr


def test_data_of_the_user_are_never_mixed_with_the_demos(millrace: Millrace, shown: str, tmp_path: Path) -> None:
    own = tmp_path / "claims-mine.csv"
    own.write_text("policy_id\n")
    dropped = millrace("drop", str(own))
    assert dropped.returncode == 1
    assert "claims-mine.csv was refused (columns-missing): the file lacks 'fraud'" in dropped.stdout

    ended = millrace("demo", "--fresh-data")

    assert ended.returncode == 1
    assert "holds data of your own" in ended.stderr


@pytest.mark.parametrize("wanted", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_running(tmp_path: Path, wanted: signal.Signals) -> None:
    command = [sys.executable, "-u", "-m", "millrace", "demo"]
    demo = subprocess.Popen(
        command, cwd=ROOT, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert demo.stdout is not None
    url = next(found[0] for line in demo.stdout if (found := re.search(r"http://\S+", line)))
    demo.send_signal(wanted)
    _, error = demo.communicate(timeout=60)

    assert demo.returncode == 130
    assert "Interrupted" in error
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url)


def csv_rows(count: int) -> str:
    from millrace.cli.invoke import as_csv, sample_rows

    return as_csv(sample_rows(count))
