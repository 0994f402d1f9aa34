"""SNS brings messages to queues and functions in its own name, so that their policies decide.

moto would put them there directly, and without asking; `patches` hands every delivery of a subscription over.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from millrace.local.events.targets import queue_url
from millrace.local.events.timer import Workers
from millrace.local.iam.services import TOPIC
from millrace.local.world import World

log = logging.getLogger("millrace.sns")

THREADS = 4
BINARY = "Binary"


@dataclass(frozen=True)
class TopicMessage:
    """A message on its way to one subscription; `notification` is SNS's envelope, left out by raw delivery."""

    topic: str
    subscription: str
    endpoint: str
    text: str
    notification: Mapping[str, Any]
    raw: bool = False
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    group: str | None = None
    deduplication: str | None = None
    dead_letters: str | None = None


class Topics:
    """Delivers asynchronously; what a queue or function refuses goes to the subscription's dead-letter queue."""

    protocols: tuple[str, ...] = ("sqs", "lambda")

    def __init__(self, world: World) -> None:
        self._world = world
        self._workers = Workers(world, name="topic delivery", limit=THREADS)

    def deliver(self, message: TopicMessage) -> None:
        self._workers.submit(lambda: self._attempt(message))

    def _attempt(self, message: TopicMessage) -> None:
        try:
            if message.endpoint.split(":")[2] == "sqs":
                self._send(message, message.endpoint)
            else:
                self._invoke(message)
        except (ClientError, BotoCoreError) as error:
            log.error("%s could not reach %s: %s", message.subscription, message.endpoint, error)
            self._bury(message)

    def _bury(self, message: TopicMessage) -> None:
        if not message.dead_letters:
            return
        try:
            self._send(message, message.dead_letters)
        except (ClientError, BotoCoreError) as error:
            log.error("%s: %s took nothing: %s", message.subscription, message.dead_letters, error)

    def _send(self, message: TopicMessage, queue: str) -> None:
        further: dict[str, Any] = {}
        if message.raw:
            body = message.text
            further["MessageAttributes"] = {name: _attribute(value) for name, value in message.attributes.items()}
        else:
            body = json.dumps(dict(message.notification), sort_keys=True)
        if queue.endswith(".fifo"):
            given = {"MessageGroupId": message.group, "MessageDeduplicationId": message.deduplication}
            further |= {name: value for name, value in given.items() if value}
        url = queue_url(self._world.url, queue)
        self._client(message, queue, "sqs").send_message(QueueUrl=url, MessageBody=body, **further)

    def _invoke(self, message: TopicMessage) -> None:
        record = {
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": message.subscription,
            "Sns": dict(message.notification),
        }
        self._client(message, message.endpoint, "lambda").invoke(
            FunctionName=message.endpoint, InvocationType="Event", Payload=json.dumps({"Records": [record]}).encode()
        )

    def _client(self, message: TopicMessage, endpoint: str, service: str) -> Any:
        region, account = endpoint.split(":")[3:5]
        identity = TOPIC.identity(message.topic, account=account, region=region)
        return self._world.aws.identity_client(identity, service)


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    kind = "BinaryValue" if value["Type"].startswith(BINARY) else "StringValue"
    return {"DataType": value["Type"], kind: value["Value"] if kind == "BinaryValue" else str(value["Value"])}
