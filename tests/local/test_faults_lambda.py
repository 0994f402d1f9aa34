"""Functions end in the middle of their work on request, and messages come to them twice."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults_lab import Faults
from tests.iam_lab import make_role

ACCOUNT, REGION = "111111111111", "ap-northeast-2"
# Tells in the queue OUT that it began and that it ended.
HANDLER = """
import json, os
import boto3

sqs = boto3.client("sqs")

def tell(word, event):
    ids = [record["messageId"] for record in event.get("Records", [])]
    sqs.send_message(QueueUrl=os.environ["OUT"], MessageBody=json.dumps({"word": word, "ids": ids}))

def handler(event, context):
    tell("began", event)
    sqs.get_queue_attributes(QueueUrl=os.environ["OUT"], AttributeNames=["QueueArn"])
    tell("ended", event)
    return {"trace": os.environ["_X_AMZN_TRACE_ID"]}
"""


class Workshop:
    """A function, the queue that feeds it and the queue it reports to."""

    def __init__(self, embedded: Any, name: str) -> None:
        self.embedded, self.name, self.faults = embedded, name, Faults(embedded)
        self.sqs, self._lambda = embedded.client("sqs"), embedded.client("lambda")
        self._out = self.sqs.create_queue(QueueName=f"{name}-out")["QueueUrl"]
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("handler.py", HANDLER)
        self._lambda.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Handler="handler.handler",
            Timeout=30,
            Role=make_role(embedded.client("iam"), name, "lambda.amazonaws.com"),
            Code={"ZipFile": buffer.getvalue()},
            Environment={"Variables": {"OUT": self._out}},
        )
        self._mappings: list[str] = []

    def feed(self, visibility: int = 3600) -> str:
        """The URL of a queue that feeds the function."""
        attributes = {"VisibilityTimeout": str(visibility)}
        url = self.sqs.create_queue(QueueName=f"{self.name}-in", Attributes=attributes)["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}-in"
        made = self._lambda.create_event_source_mapping(EventSourceArn=arn, FunctionName=self.name)
        self._mappings.append(made["UUID"])
        return str(url)

    def fault(self, kind: str, what: str = "sqs:*", **further: Any) -> dict[str, Any]:
        return {"kind": kind, "what": what, "by": self.name, **further}

    def invoke(self) -> dict[str, Any]:
        answer = self._lambda.invoke(FunctionName=self.name, Payload=b"{}")
        return {"error": answer.get("FunctionError"), **json.loads(answer["Payload"].read())}

    def told(self, count: int) -> list[dict[str, Any]]:
        """So many reports of the function."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            answer = self.sqs.receive_message(QueueUrl=self._out, WaitTimeSeconds=15)
            assert "Messages" in answer, f"only {found} came"
            [message] = answer["Messages"]
            self.sqs.delete_message(QueueUrl=self._out, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"]))
        return found

    def words(self, count: int) -> list[str]:
        return [each["word"] for each in self.told(count)]

    def left(self) -> int:
        names = ["ApproximateNumberOfMessages"]
        counts = self.sqs.get_queue_attributes(QueueUrl=self._out, AttributeNames=names)["Attributes"]
        return int(counts[names[0]])

    def close(self) -> None:
        self.faults.stop()
        for mapping in self._mappings:
            self._lambda.delete_event_source_mapping(UUID=mapping)


@pytest.fixture
def workshop(embedded: Any, request: pytest.FixtureRequest) -> Iterator[Workshop]:
    made = Workshop(embedded, re.sub(r"\W", "-", request.node.name.removeprefix("test_"))[-40:])
    yield made
    made.close()


def test_an_invocation_has_a_trace_id_of_its_own(workshop: Workshop) -> None:
    first, second = workshop.invoke(), workshop.invoke()

    assert first["trace"].startswith("Root=1-")
    assert first["trace"] != second["trace"]


def test_the_calls_of_a_function_are_counted(workshop: Workshop) -> None:
    workshop.faults.put()

    workshop.invoke()

    assert workshop.faults.told()["calls"][workshop.name] == {"sqs:GetQueueAttributes": 1, "sqs:SendMessage": 2}


def test_a_crash_before_a_call_leaves_it_undone(workshop: Workshop) -> None:
    workshop.faults.put(workshop.fault("crash", when="before", nth=3))

    answer = workshop.invoke()

    assert (answer["error"], answer["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert answer["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert workshop.words(1) == ["began"]
    assert workshop.left() == 0


def test_a_crash_after_a_call_leaves_it_done_and_nothing_after_it(workshop: Workshop) -> None:
    workshop.faults.put(workshop.fault("crash", when="after", nth=1))

    assert workshop.invoke()["error"] == "Unhandled"

    assert workshop.words(1) == ["began"]
    assert workshop.left() == 0
    assert workshop.faults.done() == [1]


def test_a_crash_can_be_aimed_at_one_operation(workshop: Workshop) -> None:
    workshop.faults.put(workshop.fault("crash", "sqs:GetQueueAttributes", when="before", rate=1))

    assert workshop.invoke()["error"] == "Unhandled"

    assert workshop.words(1) == ["began"]


def test_the_next_invocation_works_on_a_new_process(workshop: Workshop) -> None:
    workshop.faults.put(workshop.fault("crash", rate=1, times=1))

    assert workshop.invoke()["error"] == "Unhandled"
    assert workshop.invoke()["error"] is None

    assert workshop.words(2) == ["began", "ended"]


def test_a_message_whose_function_crashed_comes_back_when_the_clock_has_moved(workshop: Workshop) -> None:
    fed = workshop.feed(visibility=3600)
    workshop.faults.put(workshop.fault("crash", when="after", nth=1))

    workshop.sqs.send_message(QueueUrl=fed, MessageBody="work")
    assert workshop.words(1) == ["began"]
    workshop.embedded.advance(3601)

    assert workshop.words(2) == ["began", "ended"]


def test_a_queue_whose_calls_are_refused_for_a_while_is_read_afterwards(workshop: Workshop) -> None:
    workshop.faults.put(workshop.fault("throttle", "sqs:ReceiveMessage", rate=1, times=4))
    fed = workshop.feed()

    workshop.sqs.send_message(QueueUrl=fed, MessageBody="work")

    assert workshop.words(2) == ["began", "ended"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_message_comes_twice(workshop: Workshop, when: str) -> None:
    fed = workshop.feed()
    workshop.faults.put(workshop.fault("redeliver", f"{workshop.name}-in", when=when, nth=1))

    sent = workshop.sqs.send_message(QueueUrl=fed, MessageBody="work")["MessageId"]

    assert [each["ids"] for each in workshop.told(4)] == [[sent]] * 4
    assert workshop.faults.done() == [1]
