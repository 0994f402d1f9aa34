"""Asynchronous invocations: at once, again after one and two minutes, then to a destination or dead-letter queue."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from millrace.local.events.bus import utc_text
from millrace.local.events.targets import queue_url
from millrace.local.events.timer import Timer, Workers
from millrace.local.lambdas import measures
from millrace.local.lambdas.functions import Functions, Reference
from millrace.local.lambdas.process import Outcome
from millrace.local.service import ServiceError
from millrace.local.world import World

log = logging.getLogger("millrace.lambda")

THREADS = 32
# After a failure of the function, and after Lambda itself could not run it.
RETRY_SECONDS = (60, 120)
THROTTLED_SECONDS = 1.0
LONGEST_THROTTLED_SECONDS = 300.0

Run = Callable[[Reference, str, str], Outcome]


@dataclass(frozen=True)
class Pending:
    """An asynchronous invocation that waits for an attempt."""

    reference: Reference
    event: str
    request_id: str
    created: float
    attempts: int = 0
    refusals: int = 0


class AsyncInvoker:
    """Lambda's internal queue."""

    def __init__(self, world: World, functions: Functions, timer: Timer, run: Run) -> None:
        self._world = world
        self._functions = functions
        self._timer = timer
        self._run = run
        self._workers = Workers(world, name="lambda async", limit=THREADS)

    def submit(self, reference: Reference, event: str, request_id: str) -> None:
        measures.queued(self._world, reference, "AsyncEventsReceived")
        self._again(Pending(reference, event, request_id, self._world.clock.now()))

    def _again(self, pending: Pending) -> None:
        self._workers.submit(lambda: self._attempt(pending))

    def _attempt(self, pending: Pending) -> None:
        try:
            outcome = self._run(pending.reference, pending.event, pending.request_id)
        except ServiceError as error:
            self._refused(pending, error)
            return
        done = replace(pending, attempts=pending.attempts + 1)
        settings = self._functions.async_settings(pending.reference)
        if not outcome.failed:
            self._deliver(settings.on_success, done, "Success", outcome)
        elif done.attempts > settings.retries:
            self._give_up(done, "RetriesExhausted", outcome)
        else:
            self._later(done, RETRY_SECONDS[min(done.attempts, 2) - 1], settings.age_seconds, outcome)

    def _refused(self, pending: Pending, error: ServiceError) -> None:
        """Throttling and faults are tried again until the event is too old; the rest is final."""
        if error.status < 500 and error.code != "TooManyRequestsException":
            log.error("%s was not invoked: %s: %s", pending.reference.arn, error.code, error.message)
            return
        settings = self._functions.async_settings(pending.reference)
        wait = min(THROTTLED_SECONDS * 2**pending.refusals, LONGEST_THROTTLED_SECONDS)
        refused = replace(pending, refusals=pending.refusals + 1)
        self._later(refused, wait, settings.age_seconds, None)

    def _later(self, pending: Pending, wait: float, age_seconds: int, outcome: Outcome | None) -> None:
        if self._world.clock.now() + wait - pending.created > age_seconds:
            self._give_up(pending, "EventAgeExceeded", outcome)
        else:
            self._timer.after(wait, lambda: self._again(pending))

    def _give_up(self, pending: Pending, condition: str, outcome: Outcome | None) -> None:
        measures.queued(self._world, pending.reference, "AsyncEventsDropped")
        said = outcome.payload.decode(errors="replace")[:500] if outcome else ""
        log.error("%s failed for good (%s): %s", pending.reference.arn, condition, said)
        self._deliver(self._functions.async_settings(pending.reference).on_failure, pending, condition, outcome)
        self._bury(pending, outcome)

    def _bury(self, pending: Pending, outcome: Outcome | None) -> None:
        function = self._functions.get(pending.reference)
        if not function.dead_letters:
            return
        message = json.loads(outcome.payload).get("errorMessage", "") if outcome else "the event is too old"
        values = {"RequestID": pending.request_id, "ErrorCode": "200", "ErrorMessage": message[:1024] or "-"}
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}
        self._send(pending, function.dead_letters, pending.event, attributes)

    def _deliver(self, destination: str | None, pending: Pending, condition: str, outcome: Outcome | None) -> None:
        if destination:
            record = self._record(pending, condition, outcome)
            self._send(pending, destination, json.dumps(record), {})

    def _record(self, pending: Pending, condition: str, outcome: Outcome | None) -> dict[str, Any]:
        function = self._functions.get(pending.reference)
        record: dict[str, Any] = {
            "version": "1.0",
            "timestamp": utc_text(self._world.clock.datetime()),
            "requestContext": {
                "requestId": pending.request_id,
                "functionArn": f"{function.arn.removesuffix(f':{function.version}')}:{function.version}",
                "condition": condition,
                "approximateInvokeCount": pending.attempts,
            },
            "requestPayload": json.loads(pending.event),
        }
        if outcome:
            context = {"statusCode": 200, "executedVersion": function.version}
            record["responseContext"] = context | ({"functionError": "Unhandled"} if outcome.failed else {})
            record["responsePayload"] = json.loads(outcome.payload)
        return record

    def _send(self, pending: Pending, arn: str, text: str, attributes: dict[str, Any]) -> None:
        """With the function's role, as Lambda does it."""
        function = self._functions.get(pending.reference)
        service, region = arn.split(":")[2:4]
        try:
            client = self._functions.assume(function, region=region).client(service)
            if service == "sqs":
                url = queue_url(self._world.url, arn)
                client.send_message(QueueUrl=url, MessageBody=text, MessageAttributes=attributes)
            elif service == "sns":
                client.publish(TopicArn=arn, Message=text, MessageAttributes=attributes)
            elif service == "lambda":
                client.invoke(FunctionName=arn, InvocationType="Event", Payload=text.encode())
            elif service == "events":
                client.put_events(Entries=[self._entry(pending, arn, text)])
            else:
                log.error("%s: the embedded AWS has no destination of this kind: %s", pending.reference.arn, arn)
        except (ClientError, BotoCoreError) as error:
            failure = "DeadLetterErrors" if arn == function.dead_letters else "DestinationDeliveryFailures"
            measures.queued(self._world, pending.reference, failure)
            log.error("%s: %s took nothing: %s", pending.reference.arn, arn, error)

    def _entry(self, pending: Pending, arn: str, text: str) -> dict[str, Any]:
        ending = "Success" if json.loads(text)["requestContext"]["condition"] == "Success" else "Failure"
        return {
            "Source": "lambda",
            "DetailType": f"Lambda Function Invocation Result - {ending}",
            "Detail": text,
            "Resources": [arn, pending.reference.arn],
            "EventBusName": arn,
        }
