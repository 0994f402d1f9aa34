"""Deliveries that fail for a passing reason are tried again by the clock; the dead-letter queue is a real one."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from millrace.local.clients import Clients, ServiceIdentity
from millrace.local.events.delivery import Deliverer, Delivery
from millrace.local.events.targets import Target
from millrace.local.events.timer import Timer
from millrace.local.world import World

ACCOUNT, REGION = "111111111111", "ap-northeast-2"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/retried"
THROTTLED = ClientError(
    {"Error": {"Code": "ThrottlingException", "Message": "slow down"}, "ResponseMetadata": {"HTTPStatusCode": 400}},
    "Publish",
)


class RootClients(Clients):
    """Only the server has the keys of services: whoever tests from outside sends as the account's root."""

    def identity_client(self, identity: ServiceIdentity, service: str) -> Any:
        return self.client(service, account=identity.account, region=identity.region)


class Destination:
    """Refuses so many attempts, then takes one; tells each attempt's number."""

    def __init__(self, embedded: Any, folder: Path, refusals: int) -> None:
        self.world = World(url=embedded.url, folder=folder)
        self.world.aws = RootClients(embedded.url)
        self.attempts: queue.Queue[int] = queue.Queue()
        self._refusals = refusals
        self.deliverer = Deliverer(self.world, Timer(self.world, name="retries"), self._send)

    def _send(self, delivery: Delivery, text: str) -> None:
        self.attempts.put(delivery.attempt)
        if delivery.attempt <= self._refusals:
            raise THROTTLED

    def delivery(self, **settings: Any) -> Delivery:
        made = Delivery(
            account=ACCOUNT,
            region=REGION,
            origin={"RULE_ARN": RULE},
            target=Target("arn:aws:sns:ap-northeast-2:111111111111:topic"),
            make_input=lambda attempt: f"attempt {attempt}",
            event={},
            created=self.world.clock.now(),
        )
        return replace(made, **settings)

    def next_attempt(self) -> int:
        """Move the clock until there is one more attempt."""
        while True:
            try:
                return self.attempts.get(timeout=0.05)
            except queue.Empty:
                self.world.clock.advance(60)


@pytest.fixture
def destination(embedded: Any, tmp_path: Path) -> Any:
    made: list[Destination] = []

    def make(refusals: int) -> Destination:
        made.append(Destination(embedded, tmp_path, refusals))
        return made[-1]

    yield make
    for each in made:
        each.world.stop()


@pytest.fixture
def dead_letter(embedded: Any, request: pytest.FixtureRequest) -> tuple[str, Callable[[], dict[str, Any]]]:
    name, sqs = request.node.name[-60:], embedded.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]

    def take() -> dict[str, Any]:
        [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, MessageAttributeNames=["All"])["Messages"]
        values = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
        return {"body": message["Body"], **values}

    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", take


def test_a_delivery_is_tried_until_the_target_takes_it(destination: Any) -> None:
    target = destination(refusals=3)

    target.deliverer.submit(target.delivery())

    assert [target.next_attempt() for _ in range(4)] == [1, 2, 3, 4]


def test_after_the_last_attempt_it_goes_to_the_dead_letter_queue(destination: Any, dead_letter: Any) -> None:
    arn, take = dead_letter
    target = destination(refusals=99)

    target.deliverer.submit(target.delivery(retries=2, dead_letters=arn))

    assert [target.next_attempt() for _ in range(3)] == [1, 2, 3]
    assert take() == {
        "body": "attempt 3",
        "RULE_ARN": RULE,
        "TARGET_ARN": "arn:aws:sns:ap-northeast-2:111111111111:topic",
        "ERROR_CODE": "ThrottlingException",
        "ERROR_MESSAGE": "slow down",
        "RETRY_ATTEMPTS": "2",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
    }


def test_an_event_that_is_too_old_is_not_tried_again(destination: Any, dead_letter: Any) -> None:
    arn, take = dead_letter
    target = destination(refusals=99)

    target.deliverer.submit(target.delivery(age_seconds=0, dead_letters=arn))

    assert target.next_attempt() == 1
    assert take()["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"
