"""Plays a history against the real function: the queue, the schedule, events and executions around it.

Time is virtual, chance is seeded, and at most one thread runs: the same history is the same play every time.
What its users do is in `users.py`.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from tests.chaos import events
from tests.chaos.aws.executions import Execution, Executions
from tests.chaos.aws.objects import Buckets
from tests.chaos.aws.queues import Message, Queues
from tests.chaos.aws.table import Table
from tests.chaos.calls import Calls, Clients, Crash, Invocation
from tests.chaos.files import models_json
from tests.chaos.history import BEGIN, HOUR, History

CONCURRENCY, BATCH, ATTEMPTS = 2, 10, 5
TIMEOUT_SECONDS = 300.0
VISIBILITY_SECONDS = 6 * TIMEOUT_SECONDS
DRAIN_SECONDS = 0.9 * HOUR
"""How long after the tick that follows the quiet the work may take: until the next tick, which never comes."""


MOST_CALLS = 8000
"""Several times what any history needs: whoever makes more goes round in circles, and is judged as he stands."""


class Unsupported(BaseException):
    """The code under test asked the in-memory AWS for something that it does not do."""


@dataclass(frozen=True)
class Place:
    """What the function under test is given."""

    clients: dict[str, Any]
    models: dict[str, dict[str, object]]
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    deadline: float


Function = Callable[[list[dict[str, Any]], Place], dict[str, Any]]


@dataclass
class World:
    """`function` is the handler; `clients` are boto3's, whose calls end here."""

    history: History
    function: Function
    clients: Clients
    crashes: Iterable[Crash] = ()
    now: float = BEGIN
    calm: bool = False
    active: list[tuple[Invocation, list[Message]]] = field(default_factory=list)
    invocations: int = 0
    _agenda: list[tuple[float, int, Callable[[], object]]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _polling: bool = False

    def __post_init__(self) -> None:
        history = self.history
        self.random = random.Random(f"world {history.seed}")
        self.buckets = Buckets(lambda: self.now, page=history.page)
        self.table = Table(page=history.page)
        self.queues = Queues(lambda: self.now, visibility=VISIBILITY_SECONDS, attempts=ATTEMPTS)
        self.executions = Executions(
            lambda: self.now,
            self.buckets,
            random.Random(f"executions {history.seed}"),
            tuple(history.tables),
            self._execution_started,
            self._execution_ended,
        )
        chance = random.Random(f"calls {history.seed}")
        self.calls = Calls(
            self._perform, chance, lambda: self.now, self.spend, frozenset(self.crashes), history.throttling
        )

    @property
    def troubled(self) -> bool:
        """Whether events are lost, doubled and late just now."""
        return self.history.troubles and not self.calm

    def play(self) -> None:
        """From the first hour until one schedule after the quiet has been worked off."""
        self.at(self.history.quiet, self._become_calm)
        last_tick = (self.history.quiet // HOUR + 1) * HOUR
        for number in range(1, int((last_tick - BEGIN) // HOUR) + 1):
            self.at(BEGIN + number * HOUR, self._tick)
        end = last_tick + DRAIN_SECONDS
        while len(self.calls.made) < MOST_CALLS:
            self._poll_if_something_waits()
            due = bool(self._agenda) and self._agenda[0][0] <= self.now
            if self.active and not (due and self.random.random() < 0.5):
                self._step()
                continue
            following = self._following()
            if following > end:
                return
            self.now = max(self.now, following)
            if self._agenda and self._agenda[0][0] <= self.now:
                heapq.heappop(self._agenda)[2]()

    def _following(self) -> float:
        """When something happens next: an entry of the agenda, or a message becomes visible."""
        moments = [] if self._polling else [message.visible for message in self.queues.waiting]
        return min([*moments, *(entry[0] for entry in self._agenda[:1])], default=math.inf)

    def at(self, moment: float, action: Callable[[], object]) -> None:
        heapq.heappush(self._agenda, (moment, next(self._numbers), action))

    def spend(self, seconds: float) -> None:
        self.now += seconds

    def deliver(self, event: dict[str, Any], on_arrival: Callable[[], object] = lambda: None) -> None:
        """As EventBridge does: at least once, in any order, and when it is troubled now and then not at all."""
        if self.troubled and self.random.random() < 0.01:
            return
        body = events.text(event)

        def arrive() -> None:
            on_arrival()
            self.queues.send(body)

        for _ in range(1 + (self.troubled and self.random.random() < 0.2)):
            delay = self.random.choice((0.1, 0.5, 0.5, 1.0, 3.0, 20.0, 600.0)) if self.troubled else 0.2
            self.at(self.now + delay * self.random.uniform(0.5, 1.5), arrive)

    def serve(self, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Do what AWS would."""
        if service == "cloudwatch":
            return {}
        servers: dict[str, Callable[[str, dict[str, Any]], dict[str, Any]]] = {
            "s3": self.buckets.call,
            "dynamodb": self.table.call,
            "sqs": self.queues.call,
            "sagemaker": self.executions.call,
        }
        return servers[service](operation, request)

    def _perform(self, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return self.serve(service, operation, request)
        except ClientError:
            raise
        except Exception as error:
            raise Unsupported(f"{service}:{operation} {request}: {error!r}") from error

    def _become_calm(self) -> None:
        """From now on nothing goes wrong any more."""
        self.calm = True
        self.calls.throttling = 0.0
        self.calls.crashes = frozenset()

    def _poll_if_something_waits(self) -> None:
        if self._polling or len(self.active) >= CONCURRENCY:
            return
        if any(message.visible <= self.now for message in self.queues.waiting):
            self._polling = True
            self.at(self.now + self.random.choice((0.0, 0.2, 1.0)), self._poll)

    def _poll(self) -> None:
        self._polling = False
        messages = self.queues.receive(self.random.choice((1, BATCH, BATCH)))
        if not messages:
            return
        self.random.shuffle(messages)
        records = [message.record(self.now) for message in messages]
        deadline = self.now + TIMEOUT_SECONDS
        models = models_json(self.history.trigger)

        def body(invocation: Invocation) -> dict[str, Any]:
            clients = self.clients.of(invocation)
            return self.function(records, Place(clients, models, lambda: self.now, self.spend, deadline))

        self.invocations += 1
        job = events.job_of(message.body for message in messages)
        self.active.append((Invocation(job, body, self.calls), messages))

    def _step(self) -> None:
        number = self.random.randrange(len(self.active))
        invocation, messages = self.active[number]
        invocation.step()
        if not invocation.ended:
            return
        del self.active[number]
        if invocation.dead:
            return
        if invocation.error is not None:
            raise invocation.error
        failed = {failure["itemIdentifier"] for failure in invocation.result["batchItemFailures"]}
        for message in messages:
            deletion_lost = self.troubled and self.random.random() < 0.02
            if message.identifier not in failed and not deletion_lost:
                self.queues.delete(message)

    def _tick(self) -> None:
        for _ in range(1 + (self.troubled and self.random.random() < 0.1)):
            self.queues.send(events.schedule(self.history.tables, self.now // HOUR * HOUR))

    def _execution_started(self, execution: Execution) -> None:
        left = self.history.quiet - self.now
        endless = self.history.trigger["lock_hours"] == 1 and left > 2 * HOUR and self.random.random() < 0.2
        lasts = 3 * HOUR if endless else self.random.choice((20.0, 60.0, 400.0, 900.0 if left > 0 else 60.0))
        fails = not self.calm and self.random.random() < self.history.failing
        self.at(self.now + self.random.uniform(0.1, 0.9) * lasts, partial(self.executions.train, execution))
        self.at(self.now + lasts, partial(self.executions.end, execution, "Failed" if fails else "Succeeded"))

    def _execution_ended(self, execution: Execution) -> None:
        self.deliver(events.ended(execution, self.now))
