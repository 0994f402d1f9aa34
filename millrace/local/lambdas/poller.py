"""The poller of one event source mapping: receives from a queue, woken when something is sent, and runs a function.

Deleting what succeeded is ours; coming back after the visibility timeout and the redrive to the dead-letter
queue are SQS's. The poller works with the function's role, as Lambda's does. Nothing that goes wrong may end it
or keep one of its slots: its queue would never be read again.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from millrace.local.events.delivery import retryable
from millrace.local.events.targets import queue_url
from millrace.local.events.timer import Timer
from millrace.local.faults.records import AFTER, BEFORE
from millrace.local.lambdas.batches import Mapping, failed_messages, record, wanted
from millrace.local.lambdas.functions import Functions, Reference
from millrace.local.lambdas.process import Outcome
from millrace.local.service import ServiceError
from millrace.local.world import World

log = logging.getLogger("millrace.lambda")

Run = Callable[[Reference, str, str], Outcome]
MOST_PER_RECEIVE = 10
DEFAULT_CONCURRENCY = 5
# An empty queue is looked at this often even if nobody tells of a message, one with messages in flight more often.
LOOK_SECONDS = 20.0
LOOK_AGAIN_SECONDS = 1.0
# A message is visible only after its moment, not at it.
MARGIN_SECONDS = 0.02
EXPECTED = (ClientError, BotoCoreError, ServiceError)


class Poller:
    """Receives from one queue and runs one function with what it received."""

    def __init__(self, world: World, functions: Functions, timer: Timer, run: Run, mapping: Mapping) -> None:
        self.mapping = mapping
        _, _, _, self.region, account, name = mapping.queue_arn.split(":")
        self.queue = (account, name)
        parts = mapping.function_arn.split(":")
        self.account = parts[4]
        self._world = world
        self._functions = functions
        self._timer = timer
        self._run = run
        self._reference = Reference.parse(mapping.function_arn, account=parts[4], region=parts[3])
        self._url = queue_url(world.url, mapping.queue_arn)
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._slots = threading.Semaphore(mapping.concurrency)
        self._thread: threading.Thread | None = None
        self._told: dict[str, Any] = {"batches": 0, "doing": "starting", "trouble": ""}

    def start(self) -> None:
        self._thread = self._world.spawn(self._poll, name=f"queue poller {self.queue[1]}")

    def describe(self) -> dict[str, Any]:
        """What it does, how many batches it has handed to the function, and the last thing that went wrong."""
        running = self._thread is not None and self._thread.is_alive()
        return {"queue": self.queue[1], "function": self._reference.name, "running": running, **self._told}

    def stop(self) -> None:
        self._stopped.set()
        self._woken.set()

    def wake(self) -> None:
        self._woken.set()

    def wake_after(self, seconds: float) -> None:
        self._timer.after(seconds + MARGIN_SECONDS, self.wake)

    def _poll(self) -> None:
        while not self._over():
            self._told["doing"] = "waiting for a free slot"
            self._slots.acquire()
            self._woken.clear()
            self._told["doing"] = "looking"
            messages, pause = self._look()
            if messages and self._hand_over(messages):
                continue
            self._slots.release()
            if not self._over():
                self._told["doing"] = "waiting for a message"
                self._woken.wait(pause)

    def _hand_over(self, messages: list[dict[str, Any]]) -> bool:
        """Start the work on a batch; what cannot be started comes back with the visibility timeout."""
        try:
            self._world.spawn(self._process, messages, name=f"queue batch {self.queue[1]}")
        except RuntimeError as error:  # the system gives no more threads
            self._trouble(error)
            return False
        self._told["batches"] += 1
        return True

    def _trouble(self, error: Exception) -> None:
        if self._over():
            return
        self._told["trouble"] = f"{type(error).__name__}: {error}"
        surprise = None if isinstance(error, EXPECTED) else error
        log.error("%s, reading %s: %s", self.mapping.function_arn, self.mapping.queue_arn, error, exc_info=surprise)

    def _over(self) -> bool:
        return self._stopped.is_set() or self._world.stopping.is_set()

    def _look(self) -> tuple[list[dict[str, Any]], float]:
        """A batch, or nothing and how long to wait until the next look."""
        if self._over():
            return [], 0.0
        try:
            sqs = self._client()
            messages = self._collect(sqs)
            return messages, LOOK_SECONDS if messages else self._pause(sqs)
        except Exception as error:  # noqa: BLE001 - whatever it is, the queue is looked at again
            self._trouble(error)
            lasting = isinstance(error, EXPECTED) and not (isinstance(error, ClientError) and retryable(error))
            return [], LOOK_SECONDS if lasting else LOOK_AGAIN_SECONDS

    def _client(self) -> Any:
        function = self._functions.get(self._reference)
        return self._functions.assume(function, region=self.region).client("sqs")

    def _collect(self, sqs: Any) -> list[dict[str, Any]]:
        """What is in the queue, waiting up to the batching window for a full batch."""
        size = (
            self.mapping.batch_size if self.mapping.window_seconds else min(self.mapping.batch_size, MOST_PER_RECEIVE)
        )
        messages = self._receive(sqs, size)
        until = time.monotonic() + self.mapping.window_seconds
        while messages and len(messages) < size and not self._over():
            left = until - time.monotonic()
            if left <= 0:
                break
            self._woken.wait(left)
            self._woken.clear()
            messages += self._receive(sqs, size - len(messages))
        return messages

    def _receive(self, sqs: Any, most: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while len(found) < most:
            asked = min(MOST_PER_RECEIVE, most - len(found))
            answer = sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=asked,
                WaitTimeSeconds=0,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            found += answer.get("Messages", [])
            if len(answer.get("Messages", [])) < asked:
                break
        return found

    def _pause(self, sqs: Any) -> float:
        names = ["ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
        counts = sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names).get("Attributes", {})
        return LOOK_AGAIN_SECONDS if any(int(count) for count in counts.values()) else LOOK_SECONDS

    def _process(self, messages: list[dict[str, Any]]) -> None:
        """Run the function on a batch and delete what it has done."""
        try:
            records = [record(message, self.mapping.queue_arn) for message in messages]
            self._redelivered(records, BEFORE)
            done, failed = self._outcome(records)
            again = self._redelivered(done, AFTER)
            done = [each for each in done if each["messageId"] not in again]
            sqs = self._client()
            for start in range(0, len(done), MOST_PER_RECEIVE):
                entries = [
                    {"Id": str(index), "ReceiptHandle": message["receiptHandle"]}
                    for index, message in enumerate(done[start : start + MOST_PER_RECEIVE])
                ]
                sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
            if failed:
                names = ["VisibilityTimeout"]
                answer = sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
                self.wake_after(float(answer["Attributes"]["VisibilityTimeout"]))
        except Exception as error:  # noqa: BLE001 - the messages come back
            self._trouble(error)
        finally:
            self._slots.release()
            self.wake()

    def _redelivered(self, records: list[dict[str, Any]], when: str) -> set[str]:
        """The ids of messages that SQS hands out once more, on request: it promises no less than once."""
        found: set[str] = set()
        for each in records:
            name, about = self._reference.name, f"message {each['messageId']}, {when} its deletion"
            if struck := self._world.faults.strike("redeliver", self.queue[1], by=name, about=about, when=when):
                found.add(each["messageId"])
                sqs = self._world.aws.own_client("sqs", account=self.queue[0], region=self.region)
                seconds = int(max(fault.seconds for fault in struck))
                with contextlib.suppress(sqs.exceptions.MessageNotInflight):  # comes again in any case
                    sqs.change_message_visibility(
                        QueueUrl=self._url, ReceiptHandle=each["receiptHandle"], VisibilityTimeout=seconds
                    )
        return found

    def _outcome(self, records: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The records that are done with, the ones filtered out among them, and those that must come back."""
        asked = [each for each in records if wanted(each, self.mapping.filters)]
        done = [each for each in records if each not in asked]
        if not asked:
            return done, []
        try:
            outcome = self._run(self._reference, json.dumps({"Records": asked}), str(uuid.uuid4()))
        except ServiceError as error:
            log.error("%s was not invoked: %s: %s", self.mapping.function_arn, error.code, error.message)
            return done, asked
        ids = [each["messageId"] for each in asked]
        failed = set(ids) if outcome.failed else set()
        if not outcome.failed and self.mapping.reports_failures:
            failed = failed_messages(outcome.payload, ids)
        return (
            done + [each for each in asked if each["messageId"] not in failed],
            [each for each in asked if each["messageId"] in failed],
        )
