"""The messages that the functions gave up on: read from dead-letter queues with their reasons, sent back, counted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from millrace.cli.connect import Connection
from millrace.cli.system import PREFIX, System

BATCH = 10
DEAD = "-dlq"
HELD_SECONDS = 300
ABOUT = 100


@dataclass(frozen=True)
class Letter:
    """One message, held for us for some minutes by its receipt."""

    id: str
    receipt: str
    body: str
    attributes: Mapping[str, str]

    @property
    def reason(self) -> str:
        """Why it is here: the trigger says it; a message that SQS itself moved failed too often."""
        code, explanation = self.attributes.get("Reason", ""), self.attributes.get("Explanation", "")
        if not code:
            code = self.attributes.get("ERROR_CODE", "")
            explanation = self.attributes.get("ERROR_MESSAGE", "")
        if not code:
            return "it was not worked off however often it was tried: `millrace logs start-pipeline` says why"
        return f"{code}: {explanation}" if explanation else code

    @property
    def about(self) -> str:
        """What it asks for, in a few words."""
        try:
            message = json.loads(self.body)
            if "detail-type" in message:
                detail = message["detail"]
                place = detail.get("object", {}).get("key") or detail.get("pipelineExecutionArn", "")
                return f"{message['detail-type']}: {place}"
        except (ValueError, TypeError, AttributeError, KeyError):
            pass
        text = self.body if self.body.isprintable() else self.body.encode("unicode_escape").decode()
        return text if len(text) <= ABOUT else f"{text[:ABOUT]}..."


def take(connection: Connection, queue: str) -> list[Letter]:
    """Every message of the queue, once each; nobody else sees them until they are put back or some minutes are over."""
    found: dict[str, Letter] = {}
    while True:
        new = {letter.id: letter for letter in _receive(connection, queue)}
        if not new.keys() - found.keys():
            return list({**found, **new}.values())
        found |= new


def put_back(connection: Connection, queue: str, letters: Sequence[Letter]) -> None:
    """Leave the messages where they are, visible again."""
    sqs: Any = connection.client("sqs")
    for letter in letters:
        sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=letter.receipt, VisibilityTimeout=0)


def move(connection: Connection, source: str, target: str, letters: Sequence[Letter]) -> None:
    """Send the messages to another queue; each is deleted here only when it is there."""
    sqs: Any = connection.client("sqs")
    for letter in letters:
        sqs.send_message(QueueUrl=target, MessageBody=letter.body)
        sqs.delete_message(QueueUrl=source, ReceiptHandle=letter.receipt)


def queues(connection: Connection, deployed: System) -> dict[str, str]:
    """The queue of each dead-letter queue: the trigger's, and those of the other functions beside it."""
    found = {deployed.dead_letters: deployed.queue} if deployed.dead_letters else {}
    pages = connection.client("sqs").get_paginator("list_queues").paginate(QueueNamePrefix=f"{PREFIX}{deployed.name}-")
    known = {url for page in pages for url in page.get("QueueUrls", [])}
    beside = {url: url.removesuffix(DEAD) for url in sorted(known) if url.endswith(DEAD)}
    return found | {dead: url for dead, url in beside.items() if url in known}


def count(connection: Connection, queue: str) -> int:
    """About how many messages wait there."""
    name = "ApproximateNumberOfMessages"
    answer = connection.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=[name])
    return int(answer["Attributes"][name])


def _receive(connection: Connection, queue: str) -> Iterator[Letter]:
    answer = connection.client("sqs").receive_message(
        QueueUrl=queue,
        MaxNumberOfMessages=BATCH,
        VisibilityTimeout=HELD_SECONDS,
        WaitTimeSeconds=0 if connection.embedded else 2,  # a short poll of AWS does not ask every server
        MessageAttributeNames=["All"],
    )
    for message in answer.get("Messages", []):
        given = message.get("MessageAttributes", {})
        attributes = {name: str(value.get("StringValue", "")) for name, value in given.items()}
        yield Letter(message["MessageId"], message["ReceiptHandle"], message["Body"], attributes)
