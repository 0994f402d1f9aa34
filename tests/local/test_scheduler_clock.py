"""Schedules fire when the clock says so. The server is private, so that only these tests move its clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.iam_lab import let_events_send, make_role

ACCOUNT, REGION = "111111111111", "ap-northeast-2"
HOUR = 3600
OFF = {"Mode": "OFF"}


@pytest.fixture(scope="module")
def server(embedded: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    made = type(embedded)(tmp_path_factory.mktemp("scheduler"))
    yield made
    made.stop()


class Schedules:
    """A role and one queue per test, and what arrived in it."""

    def __init__(self, server: Any, name: str) -> None:
        self.server = server
        self.scheduler = server.client("scheduler")
        self.sqs = server.client("sqs")
        self.url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        self.queue_arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        self.role = make_role(server.client("iam"), name, "scheduler.amazonaws.com")

    def create(self, name: str, expression: str, arn: str | None = None, **settings: Any) -> None:
        target = {"Arn": arn or self.queue_arn, "RoleArn": self.role, **settings.pop("Target", {})}
        self.scheduler.create_schedule(
            Name=name, ScheduleExpression=expression, FlexibleTimeWindow=OFF, Target=target, **settings
        )

    def arrived(self, count: int) -> list[str]:
        found: list[str] = []
        while len(found) < count:
            messages = self.sqs.receive_message(QueueUrl=self.url, WaitTimeSeconds=10, MaxNumberOfMessages=10).get(
                "Messages"
            )
            assert messages, f"{len(found)} of {count} came"
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                found.append(message["Body"])
        assert len(found) == count
        return found

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.server.internal("clock")["now"], UTC)


@pytest.fixture
def schedules(server: Any, request: pytest.FixtureRequest) -> Schedules:
    return Schedules(server, request.node.name.removeprefix("test_")[:40].replace("_", "-"))


def test_an_hourly_schedule_fires_at_once_and_then_once_per_hour(schedules: Schedules) -> None:
    text = json.dumps({"at": "<aws.scheduler.scheduled-time>"})
    schedules.create("hourly", "rate(1 hour)", Target={"Input": text})
    [first] = schedules.arrived(1)

    schedules.server.advance(HOUR)
    [second] = schedules.arrived(1)
    schedules.server.advance(3 * HOUR)
    later = schedules.arrived(3)

    moments = sorted(datetime.fromisoformat(json.loads(body)["at"]) for body in (first, second, *later))
    assert [b - a for a, b in pairwise(moments)] == [timedelta(hours=1)] * 4


def test_the_context_attributes_are_filled_in(schedules: Schedules) -> None:
    text = json.dumps(
        {
            "scheduled": "<aws.scheduler.scheduled-time>",
            "execution": "<aws.scheduler.execution-id>",
            "schedule": "<aws.scheduler.schedule-arn>",
            "attempt": "<aws.scheduler.attempt-number>",
        }
    )
    at = schedules.now() + timedelta(minutes=10)
    schedules.create("context", f"at({at:%Y-%m-%dT%H:%M:%S})", Target={"Input": text})

    schedules.server.advance(10 * 60)

    [body] = schedules.arrived(1)
    filled = json.loads(body)
    assert filled.pop("execution").isalnum()
    assert filled == {
        "scheduled": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "schedule": f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/context",
        "attempt": "1",
    }


def test_a_schedule_that_ends_fires_no_more_and_deletes_itself_when_asked_to(schedules: Schedules) -> None:
    at = schedules.now() + timedelta(minutes=5)
    schedules.create("once", f"at({at:%Y-%m-%dT%H:%M:%S})", ActionAfterCompletion="DELETE", Target={"Input": "{}"})
    start, end = schedules.now() + timedelta(minutes=30), schedules.now() + timedelta(minutes=120)
    schedules.create("bounded", "rate(1 hour)", StartDate=start, EndDate=end, Target={"Input": '"bounded"'})

    schedules.server.advance(10 * HOUR)

    assert sorted(schedules.arrived(3)) == ['"bounded"', '"bounded"', "{}"]
    schedules.create("marker", "rate(1 day)", Target={"Input": '"marker"'})
    assert schedules.arrived(1) == ['"marker"']
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        schedules.scheduler.get_schedule(Name="once")


def test_disabled_deleted_and_changed_schedules_do_what_they_say_now(schedules: Schedules) -> None:
    far: dict[str, Any] = {"StartDate": schedules.now() + timedelta(minutes=30)}
    schedules.create("off", "rate(1 hour)", State="DISABLED", Target={"Input": '"off"'}, **far)
    schedules.create("deleted", "rate(1 hour)", Target={"Input": '"deleted"'}, **far)
    schedules.create("changed", "rate(1 hour)", Target={"Input": '"old"'}, **far)
    schedules.scheduler.delete_schedule(Name="deleted")
    schedules.scheduler.update_schedule(
        Name="changed",
        ScheduleExpression="rate(2 hours)",
        FlexibleTimeWindow=OFF,
        Target={"Arn": schedules.queue_arn, "RoleArn": schedules.role, "Input": '"new"'},
        **far,
    )

    schedules.server.advance(3 * HOUR)

    assert schedules.arrived(2) == ['"new"', '"new"']


def test_a_universal_target_is_any_operation_that_writes(schedules: Schedules) -> None:
    call = {"QueueUrl": schedules.url, "MessageBody": "universal"}
    send = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
    schedules.create("universal", "rate(1 day)", send, Target={"Input": json.dumps(call)})

    assert schedules.arrived(1) == ["universal"]


def test_a_schedule_that_reaches_nothing_leaves_a_dead_letter(schedules: Schedules) -> None:
    gone = f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone"
    dead = {"DeadLetterConfig": {"Arn": schedules.queue_arn}, "Input": '"lost"'}
    schedules.create("lost", "rate(1 day)", gone, Target=dead)

    [message] = schedules.sqs.receive_message(
        QueueUrl=schedules.url, WaitTimeSeconds=10, MessageAttributeNames=["All"]
    )["Messages"]

    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert message["Body"] == '"lost"'
    assert attributes["SCHEDULE_ARN"].endswith("schedule/default/lost")
    assert attributes["TARGET_ARN"] == gone
    assert "NonExistentQueue" in attributes["ERROR_CODE"]


def test_a_schedule_rule_fires_a_period_after_it_was_made_and_for_its_own_targets_only(
    schedules: Schedules,
) -> None:
    events = schedules.server.client("events")
    let_events_send(schedules.sqs, schedules.url, schedules.queue_arn)
    events.put_rule(Name="minutely", ScheduleExpression="rate(5 minutes)")
    events.put_targets(Rule="minutely", Targets=[{"Id": "1", "Arn": schedules.queue_arn}])
    events.put_rule(Name="listens", EventPattern=json.dumps({"source": ["aws.events"]}))
    events.put_targets(Rule="listens", Targets=[{"Id": "1", "Arn": schedules.queue_arn, "Input": '"heard"'}])

    schedules.server.advance(11 * 60)

    bodies = [json.loads(body) for body in schedules.arrived(2)]
    assert {body["detail-type"] for body in bodies} == {"Scheduled Event"}
    assert bodies[0]["resources"] == [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/minutely"]

    events.disable_rule(Name="minutely")
    schedules.server.advance(HOUR)
    schedules.create("after", "rate(1 day)", Target={"Input": '"after"'})
    assert schedules.arrived(1) == ['"after"']
