"""SQS standard queues in memory: delay, visibility timeout, receive count, redrive."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.aws.errors import aws_error

QUEUE_URL = "https://sqs.ap-northeast-2.amazonaws.com/111111111111/start-pipeline"
DEAD_LETTERS_URL = f"{QUEUE_URL}-dlq"
QUEUE_ARN = "arn:aws:sqs:ap-northeast-2:111111111111:start-pipeline"
LONGEST_DELAY = 900
LONGEST_VISIBILITY = 43_200


@dataclass
class Message:
    identifier: str
    body: str
    sent: float
    visible: float
    attributes: dict[str, dict[str, Any]] = field(default_factory=dict)
    receives: int = 0
    receipt: str = ""

    def record(self, first_received: float) -> dict[str, Any]:
        """The message as Lambda hands it to a function."""
        return {
            "messageId": self.identifier,
            "receiptHandle": self.receipt,
            "body": self.body,
            "attributes": {
                "ApproximateReceiveCount": str(self.receives),
                "SentTimestamp": str(int(self.sent * 1000)),
                "SenderId": "AIDACHAOS",
                "ApproximateFirstReceiveTimestamp": str(int(first_received * 1000)),
            },
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": QUEUE_ARN,
            "awsRegion": "ap-northeast-2",
        }


@dataclass
class Queues:
    """The trigger's queue and its dead letters."""

    now: Callable[[], float]
    visibility: float
    attempts: int
    queues: dict[str, list[Message]] = field(default_factory=lambda: {QUEUE_URL: [], DEAD_LETTERS_URL: []})
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def waiting(self) -> list[Message]:
        return self.queues[QUEUE_URL]

    @property
    def dead(self) -> list[Message]:
        return self.queues[DEAD_LETTERS_URL]

    def send(self, body: str, *, url: str = QUEUE_URL, delay: float = 0.0, attributes: Any = None) -> Message:
        name = f"message-{next(self.numbers)}"
        message = Message(name, body, self.now(), self.now() + delay, attributes or {})
        self.queues[url].append(message)
        return message

    def receive(self, number: int) -> list[Message]:
        """Visible messages, hidden from now on; those that were received too often move to the dead letters."""
        taken: list[Message] = []
        for message in [message for message in self.waiting if message.visible <= self.now()]:
            if message.receives >= self.attempts:
                self.waiting.remove(message)
                self.dead.append(message)
            elif len(taken) < number:
                message.receives += 1
                message.receipt = f"{message.identifier}#{message.receives}"
                message.visible = self.now() + self.visibility
                taken.append(message)
        return taken

    def delete(self, message: Message) -> None:
        if message in self.waiting:
            self.waiting.remove(message)

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Serve one SQS operation."""
        if operation == "SendMessage":
            return self._send(request, request["QueueUrl"])
        if operation == "SendMessageBatch":
            done = [{"Id": entry["Id"], **self._send(entry, request["QueueUrl"])} for entry in request["Entries"]]
            return {"Successful": done}
        if operation == "ChangeMessageVisibility":
            self._change(request, request["QueueUrl"])
            return {}
        if operation == "ChangeMessageVisibilityBatch":
            for entry in request["Entries"]:
                self._change(entry, request["QueueUrl"])
            return {"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]]}
        raise NotImplementedError(f"the in-memory SQS has no {operation}; add it to {__name__}")

    def _send(self, entry: dict[str, Any], url: str) -> dict[str, Any]:
        delay = entry.get("DelaySeconds", 0)
        if not 0 <= delay <= LONGEST_DELAY or not isinstance(delay, int):
            raise aws_error("InvalidParameterValue", "SendMessage", f"DelaySeconds {delay!r}")
        sent = self.send(entry["MessageBody"], url=url, delay=delay, attributes=entry.get("MessageAttributes"))
        return {"MessageId": sent.identifier, "MD5OfMessageBody": ""}

    def _change(self, entry: dict[str, Any], url: str) -> None:
        seconds = entry["VisibilityTimeout"]
        if not 0 <= seconds <= LONGEST_VISIBILITY or not isinstance(seconds, int):
            raise aws_error("InvalidParameterValue", "ChangeMessageVisibility", f"VisibilityTimeout {seconds!r}")
        for message in self.queues[url]:
            if message.receipt == entry["ReceiptHandle"] and message.visible > self.now():
                message.visible = self.now() + seconds
                return
        raise aws_error("MessageNotInflight", "ChangeMessageVisibility", "the message is not in flight")
