"""FilterLogEvents and GetLogEvents: the lines that were asked for, by stream, time and pattern."""

from __future__ import annotations

import uuid
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


LINES = [
    "plain line with an ERROR in it",
    "plain line that is fine",
    '{"level": "INFO", "run": {"id": "a1", "rows": 10}, "tags": ["x"]}',
    '{"level": "WARN", "run": {"id": "b2", "rows": 200.5}, "done": true, "why": null}',
]


@pytest.fixture
def lines(embedded: Any) -> Any:
    """What a pattern finds: numbers of LINES, one of which stands in each of four streams."""
    logs, name = embedded.client("logs"), f"patterns-{uuid.uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=name)
    now = int(embedded.internal("clock")["now"] * 1000)
    for number, line in enumerate(LINES):
        stream = f"stream-{3 - number}"
        logs.create_log_stream(logGroupName=name, logStreamName=stream)
        events = [{"timestamp": now + number, "message": line}]
        logs.put_log_events(logGroupName=name, logStreamName=stream, logEvents=events)

    def found(pattern: str) -> list[int]:
        answer = logs.filter_log_events(logGroupName=name, filterPattern=pattern)
        return [LINES.index(event["message"]) for event in answer["events"]]

    return found


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [
        ("", [0, 1, 2, 3]),
        ("plain", [0, 1]),
        ("plain ERROR", [0]),
        ("error", []),
        ('"line that"', [1]),
        ("plain -ERROR", [1]),
        ("-plain", [2, 3]),
        ("?ERROR ?WARN", [0, 3]),
        ("plain ?WARN", [0, 1]),
        (r'"\"level\": \"WARN\""', [3]),
        ('{ $.level = "INFO" }', [2]),
        ("{ $.level = W* }", [3]),
        ('{ $.level != "INFO" }', [3]),
        ("{ $.run.rows > 10 }", [3]),
        ("{ $.run.rows >= 10 && $.level = INFO }", [2]),
        ('{ $.run.id = "a1" || ($.run.id = "b2" && $.run.rows = 200.5) }', [2, 3]),
        ("{ $.run.rows != 10 }", [3]),
        ('{ $.tags[0] = "x" }', [2]),
        ("{ $['level'] = INFO }", [2]),
        ("{ $.done IS TRUE }", [3]),
        ("{ $.why IS NULL }", [3]),
        ("{ $.tags NOT EXISTS }", [3]),
        ('{ $.nothing = "x" }', []),
    ],
)
def test_a_pattern_finds_the_lines_that_it_describes_in_the_order_of_time(
    lines: Any, pattern: str, numbers: list[int]
) -> None:
    assert lines(pattern) == numbers


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("%ERR.*%", "regular expressions"),
        ("[ip, user]", "patterns by position"),
        ("validation-auc", "quote all but letters and digits"),
        ('"open', "is no term"),
        ("{ $.level = }", "lacks its value"),
        ("{ $.level = INFO", "lacks its closing brace"),
        ('{ $.rows > "many" }', "compares numbers"),
        ("{ ($.level = INFO }", "a parenthesis is not closed"),
        ("{ level = INFO }", "stands where a selector should"),
        ("{ $.level = INFO INFO }", "stands where the pattern should end"),
        ("{ $.level # INFO }", "cannot be read"),
        ("{ $.level = ( }", "is no value"),
    ],
)
def test_a_pattern_that_cannot_be_followed_is_refused(lines: Any, pattern: str, said: str) -> None:
    with pytest.raises(ClientError, match=said) as caught:
        lines(pattern)
    assert caught.value.response["Error"]["Code"] == "InvalidParameterException"


def test_a_group_may_be_named_by_its_arn(group: tuple[Any, str]) -> None:
    logs, name = group
    arn = f"arn:aws:logs:ap-northeast-2:111111111111:log-group:{name}"
    stream = {"logStreamName": "job-2/algo-1"}

    assert len(logs.filter_log_events(logGroupIdentifier=arn)["events"]) == 3
    assert len(logs.get_log_events(logGroupIdentifier=f"{arn}:*", **stream)["events"]) == 1
    with pytest.raises(ClientError, match="exclude each other"):
        logs.get_log_events(logGroupIdentifier=arn, logGroupName=name, **stream)


def test_a_stream_that_does_not_exist_is_called_so(group: tuple[Any, str]) -> None:
    logs, name = group

    with pytest.raises(ClientError, match="The specified log stream does not exist"):
        logs.get_log_events(logGroupName=name, logStreamName="job-9/algo-1")


def test_lines_are_kept_as_long_as_cloudwatch_can(group: tuple[Any, str]) -> None:
    logs, name = group

    logs.put_retention_policy(logGroupName=name, retentionInDays=30)
    with pytest.raises(ClientError, match="retentionInDays is 2; allowed are 1, 3, 5"):
        logs.put_retention_policy(logGroupName=name, retentionInDays=2)
