"""FilterLogEvents narrowed to the streams of one job, as `millrace logs` asks for them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def group(embedded: Any, request: pytest.FixtureRequest) -> tuple[Any, str]:
    logs, name = embedded.client("logs"), request.node.name
    logs.create_log_group(logGroupName=name)
    for stream in ("job-1/algo-1", "job-1/algo-2", "job-2/algo-1"):
        logs.create_log_stream(logGroupName=name, logStreamName=stream)
        events = [{"timestamp": int(embedded.internal("clock")["now"] * 1000), "message": f"line of {stream}"}]
        logs.put_log_events(logGroupName=name, logStreamName=stream, logEvents=events)
    return logs, name


def test_a_prefix_leaves_only_the_lines_of_streams_that_begin_with_it(group: tuple[Any, str]) -> None:
    logs, name = group

    found = logs.filter_log_events(logGroupName=name, logStreamNamePrefix="job-1/")["events"]

    assert sorted(event["message"] for event in found) == ["line of job-1/algo-1", "line of job-1/algo-2"]


def test_pages_of_a_narrowed_answer_go_on_where_the_last_one_ended(group: tuple[Any, str]) -> None:
    logs, name = group
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=name, logStreamNamePrefix="job-1/", PaginationConfig={"PageSize": 1}
    )

    assert [event["logStreamName"] for page in pages for event in page["events"]] == ["job-1/algo-1", "job-1/algo-2"]


def test_a_prefix_that_no_stream_has_gives_no_lines(group: tuple[Any, str]) -> None:
    logs, name = group

    assert logs.filter_log_events(logGroupName=name, logStreamNamePrefix="job-3/")["events"] == []


def test_names_and_a_prefix_exclude_each_other(group: tuple[Any, str]) -> None:
    logs, name = group

    with pytest.raises(ClientError, match="exclude each other"):
        logs.filter_log_events(logGroupName=name, logStreamNamePrefix="job-1/", logStreamNames=["job-2/algo-1"])
