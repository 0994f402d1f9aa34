"""`millrace logs --correlation` follows a burst of uploads from its files to its model."""

from __future__ import annotations

import json
from typing import Any

from millrace.cli.log_lines import readable

GROUP = "/aws/lambda/millrace-dev-start-pipeline"


def log(trigger: Any, *lines: str) -> None:
    logs = trigger.shell.client("logs")
    if not logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]:
        logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="one")
    now = int(trigger.now() * 1000)
    events = [{"timestamp": now, "message": line} for line in lines]
    logs.put_log_events(logGroupName=GROUP, logStreamName="one", logEvents=events)


def test_files_run_and_log_lines_of_a_burst_are_shown_together(trigger: Any) -> None:
    file = trigger.file("claims/a.csv", "trained", correlation="c0ffee-1")
    trigger.file("claims/b.csv", "seen", correlation="0ther")
    run = trigger.execution(trigger.run(file, correlation="c0ffee-1"))
    mine = {"level": "INFO", "message": "started", "event": "started", "correlation_id": "c0ffee-1", "run": "x"}
    log(trigger, json.dumps(mine), json.dumps({**mine, "correlation_id": "0ther", "message": "not mine"}))

    told = trigger.shell("logs", "--correlation", "c0ffee-1").out

    assert "raw/claims-fraud/claims/a.csv" in told
    assert f"{run}: succeeded, cause upload" in told
    assert "info    started  event=started  run=x" in told
    assert "b.csv" not in told
    assert "not mine" not in told


def test_an_unknown_correlation_id_is_told(trigger: Any) -> None:
    answer = trigger.shell("logs", "--correlation", "nonsense")

    assert answer.code == 1
    assert "nothing has the correlation id 'nonsense'" in answer.err


def test_a_line_that_is_not_structured_is_shown_as_it_is() -> None:
    assert readable("START RequestId: 1") == "START RequestId: 1"
    assert readable("[1]") == "[1]"


def test_a_file_with_another_id_than_its_run_leads_to_the_run_and_all_its_files(trigger: Any) -> None:
    first = trigger.file("claims/a.csv", "trained", correlation="1d-of-a")
    run = trigger.run(first, correlation="1d-of-a")
    trigger.file("claims/a.csv", "trained", version=first.version_id, correlation="1d-of-a", run=run.run)
    trigger.file("customers/b.csv", "trained", correlation="0ther", run=run.run)
    started = {"level": "INFO", "message": "started", "correlation_id": "1d-of-a"}
    log(trigger, json.dumps(started))

    told = trigger.shell("logs", "--correlation", "0ther").out

    assert "claims/a.csv" in told
    assert "customers/b.csv" in told
    assert f"{run.digest[:12]}-1: succeeded" in told
    assert "info    started" in told
