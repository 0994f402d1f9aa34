"""Queues hide and delay messages, and logs take lines, by the clock that can be moved."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def queue(embedded: Any, request: pytest.FixtureRequest) -> tuple[Any, str]:
    sqs = embedded.client("sqs")
    name = request.node.name.removeprefix("test_")[:60]
    return sqs, str(sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "3600"})["QueueUrl"])


def received(sqs: Any, url: str) -> list[dict[str, Any]]:
    return list(sqs.receive_message(QueueUrl=url, AttributeNames=["All"]).get("Messages", []))


def test_a_received_message_is_visible_again_when_the_clock_has_moved(embedded: Any, queue: tuple[Any, str]) -> None:
    sqs, url = queue
    sqs.send_message(QueueUrl=url, MessageBody="work")
    assert len(received(sqs, url)) == 1
    assert received(sqs, url) == []

    embedded.advance(3601)

    assert received(sqs, url)[0]["Attributes"]["ApproximateReceiveCount"] == "2"


def test_a_delayed_message_comes_when_the_clock_has_moved(embedded: Any, queue: tuple[Any, str]) -> None:
    sqs, url = queue
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=600)
    assert received(sqs, url) == []

    embedded.advance(601)

    assert [each["Body"] for each in received(sqs, url)] == ["later"]


def test_the_twelve_hours_of_a_message_count_from_its_receipt(embedded_factory: Any) -> None:
    server = embedded_factory()
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="old")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="old")
    server.advance(86400)
    [message] = received(sqs, url)

    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=43200)

    assert received(sqs, url) == []


def test_logs_are_kept_however_far_the_clock_was_moved(embedded_factory: Any) -> None:
    server = embedded_factory()
    logs = server.client("logs")
    now = server.internal("clock", {"advance": 86400})["now"]
    logs.create_log_group(logGroupName="group")
    logs.create_log_stream(logGroupName="group", logStreamName="stream")

    line = {"timestamp": int(now * 1000), "message": "kept"}
    logs.put_log_events(logGroupName="group", logStreamName="stream", logEvents=[line])

    [event] = logs.get_log_events(logGroupName="group", logStreamName="stream")["events"]
    assert event["message"] == "kept"


def test_the_visibility_of_a_message_that_is_not_in_flight_cannot_change(queue: tuple[Any, str]) -> None:
    sqs, url = queue
    sqs.send_message(QueueUrl=url, MessageBody="work")
    [message] = received(sqs, url)
    change = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
    sqs.change_message_visibility(**change)

    with pytest.raises(sqs.exceptions.MessageNotInflight):
        sqs.change_message_visibility(**change)


def test_a_deleted_message_stays_deleted_and_can_be_deleted_again(queue: tuple[Any, str]) -> None:
    sqs, url = queue
    for body in ("first", "second"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    [message] = received(sqs, url)

    for _ in range(2):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    assert [each["Body"] for each in received(sqs, url)] == ["second"]
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=url, ReceiptHandle="nobody's")


def test_a_message_that_is_too_old_is_gone_and_holds_up_no_other(embedded: Any, queue: tuple[Any, str]) -> None:
    sqs, url = queue
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "60"})
    sqs.send_message(QueueUrl=url, MessageBody="old")
    embedded.advance(61)
    sqs.send_message(QueueUrl=url, MessageBody="new")

    assert [each["Body"] for each in received(sqs, url)] == ["new"]


def test_a_queue_tells_its_attributes(queue: tuple[Any, str]) -> None:
    sqs, url = queue
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"SqsManagedSseEnabled": "true"})
    sqs.send_message(QueueUrl=url, MessageBody="now")
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=600)

    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    assert told["VisibilityTimeout"] == "3600"
    assert told["SqsManagedSseEnabled"] == "true"
    assert (told["ApproximateNumberOfMessages"], told["ApproximateNumberOfMessagesDelayed"]) == ("1", "1")
    one = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])["Attributes"]
    assert one == {"DelaySeconds": "0"}


def test_the_times_of_a_queue_are_whole_seconds(queue: tuple[Any, str]) -> None:
    sqs, url = queue
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    assert attributes["CreatedTimestamp"].isdigit()
    assert attributes["LastModifiedTimestamp"].isdigit()


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"VisibilityTimeout": "43201"}, "InvalidAttributeValue"),
        ({"DelaySeconds": "a while"}, "InvalidAttributeValue"),
        ({"MessageRetentionPeriod": "59"}, "InvalidAttributeValue"),
        ({"Visibility": "30"}, "InvalidAttributeName"),
    ],
)
def test_a_queue_takes_only_attributes_that_sqs_knows_in_their_ranges(
    queue: tuple[Any, str], attributes: dict[str, str], code: str
) -> None:
    sqs, url = queue

    with pytest.raises(ClientError) as caught:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    assert caught.value.response["Error"]["Code"] == code
