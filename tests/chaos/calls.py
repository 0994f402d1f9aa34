"""Every AWS call of the code under test goes through here: recorded, interleaved with others, failed or crashed.

A crash is a BaseException, and every later call of the same invocation raises it too: a dead process does no more.
"""

from __future__ import annotations

import functools
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.chaos.aws.errors import aws_error

THROTTLED = {
    "s3": ("SlowDown", 503),
    "dynamodb": ("ThrottlingException", 400),
    "sqs": ("RequestThrottled", 403),
    "sagemaker": ("ThrottlingException", 400),
    "cloudwatch": ("Throttling", 400),
}
SERVICES = tuple(THROTTLED)
BEFORE, AFTER = "before", "after"


class Crashed(BaseException):
    """The process of the function died."""


@dataclass(frozen=True)
class Crash:
    """Dies at the `occurrence`-th call with this label, before or after AWS has done it."""

    label: str
    occurrence: int
    when: str


@dataclass(frozen=True)
class Call:
    """One call as it was made; the label tells the handler, the operation and what it is about."""

    label: str
    occurrence: int
    at: float


@dataclass
class Calls:
    """The calls of a history, and what goes wrong with them."""

    perform: Callable[[str, str, dict[str, Any]], dict[str, Any]]
    random: random.Random
    now: Callable[[], float]
    spend: Callable[[float], None]
    crashes: frozenset[Crash] = frozenset()
    throttling: float = 0.0
    made: list[Call] = field(default_factory=list)
    crashed: list[Crash] = field(default_factory=list)
    _occurrences: Counter[str] = field(default_factory=Counter)

    def make(self, handler: str, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Do one call, unless a crash or a throttling has it otherwise."""
        label = f"{handler} {service}:{operation} {_target(service, request)}".strip()
        occurrence = self._occurrences[label]
        self._occurrences[label] += 1
        self.made.append(Call(label, occurrence, self.now()))
        self.spend(self.random.choice((0.005, 0.01, 0.02, 0.05)))
        self._crash(Crash(label, occurrence, BEFORE))
        trouble = self.random.random() < self.throttling
        lost_answer = self.random.random() < 0.3
        answer: dict[str, Any] = {}
        error: Exception | None = None
        if trouble and not lost_answer:
            error = self._refusal(service, operation)
        else:
            try:
                answer = self.perform(service, operation, request)
            except ClientError as refused:
                error = refused
        self._crash(Crash(label, occurrence, AFTER))
        if error is not None:
            raise error
        if trouble:
            raise aws_error("InternalError", operation, "the answer was lost", status=500)
        return answer

    def _crash(self, crash: Crash) -> None:
        if crash in self.crashes:
            self.crashed.append(crash)
            raise Crashed(crash)

    def _refusal(self, service: str, operation: str) -> Exception:
        code, status = THROTTLED[service]
        return aws_error(code, operation, "Rate exceeded", status=status)


def _target(service: str, request: Mapping[str, Any]) -> str:
    """What a call is about, without names that differ from one history to the next."""
    if service == "dynamodb":
        if "TransactItems" in request:
            actions = [next(iter(action.values())) for action in request["TransactItems"]]
            return "+".join(sorted({_item_kind(action) for action in actions}))
        return _item_kind(request) if "Key" in request or "Item" in request else ""
    if service == "s3":
        key = str(request.get("Key") or request.get("Prefix") or "")
        return f"{key.split('/')[0]}/…/manifest.json" if key.endswith("/manifest.json") else key.split("/")[0]
    if service == "sqs":
        return str(request["QueueUrl"]).rsplit("/", 1)[-1]
    return ""


def _item_kind(request: Mapping[str, Any]) -> str:
    key = request.get("Key") or request.get("Item") or {}
    return str(key["item"]["S"]).split("#")[0] if "item" in key else ""


class Invocation:
    """One call of the function, in a thread of its own that runs only when the world lets it: one AWS call a step."""

    def __init__(self, handler: str, body: Callable[[Invocation], Any], calls: Calls) -> None:
        self.handler = handler
        self.result: Any = None
        self.error: BaseException | None = None
        self.ended = False
        self.dead = False
        self._calls = calls
        self._go = threading.Semaphore(0)
        self._paused = threading.Semaphore(0)
        self._one_at_a_time = threading.Lock()
        self._thread = threading.Thread(target=self._run, args=(body,), name=handler, daemon=True)
        self._thread.start()

    def step(self) -> None:
        """Let the function go on until it is about to make its next AWS call, or has ended."""
        self._go.release()
        self._paused.acquire()
        if self.ended:
            self._thread.join()

    def call(self, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Called in the function's threads in place of AWS."""
        with self._one_at_a_time:
            if self.dead:
                raise Crashed
            self._paused.release()
            self._go.acquire()
            try:
                return self._calls.make(self.handler, service, operation, request)
            except Crashed:
                self.dead = True
                raise

    def _run(self, body: Callable[[Invocation], Any]) -> None:
        self._go.acquire()
        try:
            self.result = body(self)
        except BaseException as error:  # noqa: BLE001 - a crash is none of the usual ones; the world raises the rest
            self.error = error
        finally:
            self.ended = True
            self._paused.release()


class Clients:
    """boto3 clients whose calls end in an Invocation: their paginators, parameters and exceptions are the real ones."""

    def __init__(self) -> None:
        session = boto3.session.Session("x", "x", region_name="ap-northeast-2")
        config = Config(retries={"total_max_attempts": 1})
        self._clients = {service: session.client(service, config=config) for service in SERVICES}

    def of(self, invocation: Invocation) -> dict[str, Any]:
        return {service: self._bound(service, invocation) for service in SERVICES}

    def _bound(self, service: str, invocation: Invocation) -> Any:
        bound = twin(self._clients[service])
        bound._make_api_call = functools.partial(invocation.call, service)
        return bound


def twin(client: Any) -> Any:
    """A client with the same parts that may be given another `_make_api_call`; `copy.copy` fails on clients."""
    bound = object.__new__(type(client))
    bound.__dict__.update(client.__dict__)
    return bound
