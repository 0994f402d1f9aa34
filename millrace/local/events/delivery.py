"""Delivery of one input to one target, with retries by the clock and a dead-letter queue at the end.

The bus and the scheduler hand everything they send to `Deliverer.submit`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from millrace.local.events import measures
from millrace.local.events.targets import Parcel, Target, Undeliverable, client_for, queue_url
from millrace.local.events.timer import Timer, Workers
from millrace.local.faults.deliveries import Address, Deliveries
from millrace.local.iam.services import EVENT_RULE, SCHEDULE, Deputy
from millrace.local.world import World

log = logging.getLogger("millrace.events")

THREADS = 16
DEFAULT_RETRIES = 185
DEFAULT_AGE_SECONDS = 86400
LONGEST_BACKOFF_SECONDS = 600
ATTRIBUTE_CHARACTERS = 1024
THROTTLED_CODES = {"TooManyRequestsException", "RequestLimitExceeded", "ProvisionedThroughputExceededException"}
RETRYABLE_CODES = {
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "ProvisionedThroughputExceededException",
    "PriorRequestNotComplete",
    "RequestTimeout",
    "ConflictException",
    "ResourceInUse",
}


@dataclass(frozen=True)
class Delivery:
    """One attempt to bring an input to a target; `make_input` may depend on the attempt's number."""

    account: str
    region: str
    origin: Mapping[str, str]
    target: Target
    make_input: Callable[[int], str]
    event: dict[str, Any]
    created: float
    retries: int = DEFAULT_RETRIES
    age_seconds: int = DEFAULT_AGE_SECONDS
    dead_letters: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    hops: int = 0
    attempt: int = 1

    @property
    def deputy(self) -> Deputy:
        return EVENT_RULE if "RULE_ARN" in self.origin else SCHEDULE

    @property
    def sender(self) -> str:
        (sender,) = self.origin.values()
        return sender

    @property
    def address(self) -> Address:
        """What faults see of it. Of an object's event the key is the object's: ids differ in each run."""
        detail = self.event.get("detail")
        changed = detail.get("object") if isinstance(detail, dict) else None
        return Address(
            detail_type=self.event.get("detail-type", ""),
            sender=self.sender.rpartition("/")[2],
            target=self.target.arn,
            about=f"event {self.event.get('id', '')}",
            key=str(changed.get("key", "")) if isinstance(changed, dict) else "",
        )

    def parcel(self, text: str) -> Parcel:
        return Parcel(self.account, self.region, text, self.event, self.deputy, self.sender)


def retry_policy(target: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a Delivery that a target's RetryPolicy and DeadLetterConfig decide."""
    policy = target.get("RetryPolicy") or {}
    return {
        "retries": policy.get("MaximumRetryAttempts", DEFAULT_RETRIES),
        "age_seconds": policy.get("MaximumEventAgeInSeconds", DEFAULT_AGE_SECONDS),
        "dead_letters": (target.get("DeadLetterConfig") or {}).get("Arn"),
    }


class Deliverer:
    """Delivers asynchronously: each attempt on a worker thread, each retry at its moment of the clock."""

    def __init__(self, world: World, timer: Timer, send: Callable[[Delivery, str], None]) -> None:
        self._world = world
        self._timer = timer
        self._send = send
        self._workers = Workers(world, name="event delivery", limit=THREADS)
        self._on_the_way = Deliveries(world.faults, timer, self._in_turn)

    def run(self, action: Callable[[], None]) -> None:
        """Do other work of the bus on the delivery threads."""
        self._workers.submit(action)

    def submit(self, delivery: Delivery) -> None:
        """Every delivery passes here; on request one comes twice, late, out of turn or never."""
        self._on_the_way.pass_on(delivery, delivery.address)

    def _in_turn(self, deliveries: Sequence[Delivery]) -> None:
        """Attempt one after the other."""
        first, *rest = deliveries

        def attempt() -> None:
            try:
                self._attempt(first)
            finally:
                if rest:
                    self._in_turn(rest)

        self._workers.submit(attempt)

    def _attempt(self, delivery: Delivery) -> None:
        measures.attempted(self._world, delivery)
        try:
            self._send(delivery, delivery.make_input(delivery.attempt))
            measures.arrived(self._world, delivery)
        except Undeliverable as error:
            self._bury(delivery, "UNSUPPORTED_TARGET", str(error), None)
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            measures.refused(self._world, delivery, throttled="Throttl" in code or code in THROTTLED_CODES)
            if retryable(error):
                self._retry(delivery, code, message)
            else:
                self._bury(delivery, code, message, None)
        except BotoCoreError as error:
            self._retry(delivery, "SDK_CLIENT_ERROR", str(error))

    def _retry(self, delivery: Delivery, code: str, message: str) -> None:
        wait = min(2 ** (delivery.attempt - 1), LONGEST_BACKOFF_SECONDS)
        if delivery.attempt > delivery.retries:
            self._bury(delivery, code, message, "MaximumRetryAttempts")
        elif self._world.clock.now() + wait - delivery.created > delivery.age_seconds:
            self._bury(delivery, code, message, "MaximumEventAgeInSeconds")
        else:
            again = replace(delivery, attempt=delivery.attempt + 1)
            self._timer.after(wait, lambda: self._in_turn([again]))

    def _bury(self, delivery: Delivery, code: str, message: str, exhausted: str | None) -> None:
        """Nothing is lost silently: the failure is logged and, when there is a queue for it, kept there."""
        origin = " ".join(delivery.origin.values())
        log.error("%s could not reach %s: %s: %s", origin, delivery.target.arn, code, message)
        measures.gave_up(self._world, delivery)
        if not delivery.dead_letters:
            return
        values = {
            **delivery.origin,
            "TARGET_ARN": delivery.target.arn,
            "ERROR_CODE": code,
            "ERROR_MESSAGE": message[:ATTRIBUTE_CHARACTERS] or code,
            "RETRY_ATTEMPTS": str(delivery.attempt - 1),
            **delivery.details,
        }
        if exhausted:
            values["EXHAUSTED_RETRY_CONDITION"] = exhausted
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}
        arn, text = delivery.dead_letters, delivery.make_input(delivery.attempt)
        # A rule's failures are sent by EventBridge itself, a schedule's with the schedule's role.
        queue = Target(arn, delivery.target.role if delivery.deputy is SCHEDULE else None)
        try:
            client_for(self._world, queue, delivery.parcel(text), "sqs").send_message(
                QueueUrl=queue_url(self._world.url, arn), MessageBody=text, MessageAttributes=attributes
            )
            measures.buried(self._world, delivery)
        except (ClientError, BotoCoreError) as error:
            measures.not_buried(self._world, delivery)
            log.error("%s: the dead-letter queue %s took nothing: %s", origin, arn, error)


def retryable(error: ClientError) -> bool:
    """Throttling and faults of the service pass; a missing target or permission does not."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return status >= 500 or status == 429 or error.response["Error"]["Code"] in RETRYABLE_CODES
