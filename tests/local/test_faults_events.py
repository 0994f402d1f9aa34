"""Events of the embedded AWS come twice, late, out of order or never, when asked to; the clock brings the late ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults_lab import Faults
from tests.iam_lab import let_events_send

ACCOUNT, REGION = "111111111111", "ap-northeast-2"


class Street:
    """A rule that brings every event of one kind to a queue."""

    def __init__(self, embedded: Any, name: str) -> None:
        self.embedded, self.name = embedded, name
        self.faults = Faults(embedded)
        self._sqs, self._events = embedded.client("sqs"), embedded.client("events")
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        let_events_send(self._sqs, self._url, arn)
        self._events.put_rule(Name=name, EventPattern=json.dumps({"detail-type": [name]}))
        self._events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])

    def fault(self, kind: str, **further: Any) -> dict[str, Any]:
        return {"kind": kind, "what": self.name, **further}

    def send(self, *numbers: int) -> list[str]:
        """The events' ids."""
        entries = [
            {"Source": "faults", "DetailType": self.name, "Detail": json.dumps({"number": each})} for each in numbers
        ]
        return [each["EventId"] for each in self._events.put_events(Entries=entries)["Entries"]]

    def take(self, count: int) -> list[dict[str, Any]]:
        """So many events, in the order in which they came."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            answer = self._sqs.receive_message(QueueUrl=self._url, WaitTimeSeconds=15)
            assert "Messages" in answer, f"only {len(found)} of {count} events came"
            [message] = answer["Messages"]
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"]))
        return found

    def numbers(self, count: int) -> list[int]:
        return [each["detail"]["number"] for each in self.take(count)]


@pytest.fixture
def street(embedded: Any, request: pytest.FixtureRequest) -> Iterator[Street]:
    made = Street(embedded, request.node.name.removeprefix("test_")[:40])
    yield made
    made.faults.stop()


def test_a_doubled_event_is_the_same_event_twice(street: Street) -> None:
    street.faults.put(street.fault("duplicate", nth=1))

    [sent] = street.send(1)

    assert [each["id"] for each in street.take(2)] == [sent, sent]
    assert street.faults.done() == [1]


def test_a_dropped_event_is_lost_and_told(street: Street) -> None:
    street.faults.put(street.fault("drop", nth=1))

    [lost] = street.send(1)
    street.faults.wait_until_met(1)
    street.send(2)

    assert street.numbers(1) == [2]
    told = street.faults.told()
    assert (told["faults"][0]["seen"], told["faults"][0]["done"]) == (2, 1)
    [injected] = told["injected"]
    assert (injected["kind"], injected["by"], injected["about"]) == ("drop", street.name, f"event {lost}")


def test_a_reordered_event_comes_after_the_one_that_was_sent_later(street: Street) -> None:
    street.faults.put(street.fault("reorder", nth=1, seconds=3600))

    street.send(1)
    street.faults.wait_until_met(1)
    street.send(2)

    assert street.numbers(2) == [2, 1]


def test_a_late_event_comes_when_the_clock_says_so(street: Street) -> None:
    street.faults.put(street.fault("delay", nth=1, seconds=3600))

    street.send(1)
    street.faults.wait_until_met(1)
    street.send(2)
    assert street.numbers(1) == [2]
    street.faults.wait_until_held(1)
    street.embedded.advance(3600)

    assert street.numbers(1) == [1]
    assert street.faults.told()["held"] == 0


def test_what_is_held_back_comes_at_once_when_the_faults_end(street: Street) -> None:
    street.faults.put(street.fault("delay", rate=1, seconds=3600))

    street.send(1, 2)
    street.send(3)
    street.faults.wait_until_met(3)
    street.faults.stop()

    assert sorted(street.numbers(3)) == [1, 2, 3]


def test_the_rule_can_be_named_that_loses_events(street: Street) -> None:
    street.faults.put(street.fault("drop", by="another rule", rate=1))

    street.send(1)

    assert street.numbers(1) == [1]
