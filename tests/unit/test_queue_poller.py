"""Nothing may end the poller of a queue or keep one of its slots: the queue would never be read again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from millrace.errors import MillraceError
from millrace.local.events.timer import Timer
from millrace.local.lambdas import poller as poller_module
from millrace.local.lambdas import pool as pool_module
from millrace.local.lambdas.batches import Mapping
from millrace.local.lambdas.functions import Function, Functions
from millrace.local.lambdas.poller import Poller
from millrace.local.lambdas.pool import Pool
from millrace.local.lambdas.process import Invocation, Outcome
from millrace.local.lambdas.queues import Queues
from millrace.local.service import Caller, ServiceError
from millrace.local.world import World

ACCOUNT, REGION = "111111111111", "ap-northeast-2"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:reads"
CALLER = Caller(ACCOUNT, REGION, "AKIA", "arn")
ANSWER = Outcome(b"null", False, b"")


class Queue:
    """What a poller sees of SQS: messages that wait, and those that were deleted."""

    def __init__(self, *bodies: str) -> None:
        self.waiting = list(bodies)
        self.deleted: list[str] = []

    def receive_message(self, **_: Any) -> dict[str, Any]:
        if not self.waiting:
            return {}
        body = self.waiting.pop(0)
        return {"Messages": [{"MessageId": body, "ReceiptHandle": body, "Body": body, "MD5OfBody": ""}]}

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"VisibilityTimeout": "1"}}

    def delete_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> None:
        self.deleted += [entry["ReceiptHandle"] for entry in Entries]


class Known:
    """Functions whose role gives the queue; `trouble` is raised instead, one by one."""

    def __init__(self, queue: Queue, *trouble: Exception) -> None:
        self.queue, self.trouble = queue, list(trouble)

    def get(self, _reference: Any) -> Any:
        if self.trouble:
            raise self.trouble.pop(0)

    def assume(self, _function: Any, region: str | None = None) -> Known:
        return self

    def client(self, _service: str) -> Queue:
        return self.queue

    def credentials(self) -> dict[str, str]:
        return {"AccessKeyId": "AKIA"}

    def task_root(self, _function: Any) -> Path:
        return Path()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(poller_module, "LOOK_AGAIN_SECONDS", 0.02)
    made = World(url="http://127.0.0.1:1", folder=tmp_path)
    yield made
    made.stop()


def mapping(uuid: str = "m", concurrency: int = 2) -> Mapping:
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{uuid}"
    return Mapping(uuid, arn, FUNCTION, 1, 0, concurrency, reports_failures=False, filters=())


def poll(world: World, known: Known, run: Callable[..., Outcome] = lambda *_: ANSWER) -> Poller:
    made = Poller(world, cast(Functions, known), Timer(world, name="timer"), run, mapping())
    made.start()
    return made


def eventually(look: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not look() and time.monotonic() < deadline:
        time.sleep(0.01)
    return look()


@pytest.mark.parametrize(
    "trouble",
    [RuntimeError("dictionary changed size during iteration"), KeyError("x"), MillraceError("x"), OSError(24, "x")],
    ids=lambda error: type(error).__name__,
)
def test_whatever_goes_wrong_while_it_looks_it_looks_again(world: World, trouble: Exception) -> None:
    queue = Queue("a")

    poller = poll(world, Known(queue, trouble, trouble))

    assert eventually(lambda: queue.deleted == ["a"])
    told = poller.describe()
    assert told["running"]
    assert told["trouble"].startswith(type(trouble).__name__)
    assert eventually(lambda: poller.describe()["batches"] == 1)
    poller.stop()


def test_batches_that_break_in_any_way_give_their_slots_back(world: World) -> None:
    queue = Queue("a", "b", "c", "d", "e")
    runs: list[str] = []

    def run(_reference: Any, event: str, _id: str) -> Outcome:
        runs.append(event)
        if len(runs) < 5:  # more often than there are slots
            raise (RuntimeError, OSError, MillraceError, KeyError)[len(runs) - 1]("broken")
        return ANSWER

    poller = poll(world, Known(queue), run)

    assert eventually(lambda: len(queue.deleted) == 1)
    assert len(runs) == 5
    poller.stop()


def test_where_no_thread_can_be_started_the_slot_is_free_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, spawn, refused = Queue("a", "b", "c", "d"), world.spawn, ["a", "b", "c"]

    def sometimes(target: Callable[..., object], *args: Any, name: str) -> threading.Thread:
        if name.startswith("queue batch") and refused:
            refused.pop()
            raise RuntimeError("can't start new thread")
        return spawn(target, *args, name=name)

    monkeypatch.setattr(world, "spawn", sometimes)
    poller = poll(world, Known(queue))

    for _ in range(3):
        poller.wake()
        time.sleep(0.02)
    assert eventually(lambda: poller.wake() or queue.deleted == ["d"])  # type: ignore[func-returns-value]
    poller.stop()


class Listing:
    """Lists the mappings there are, and takes its time to hand the first list over."""

    def __init__(self, there: list[str]) -> None:
        self.there, self.read, self.go_on = there, threading.Event(), threading.Event()

    def get_paginator(self, _name: str) -> Listing:
        return self

    def paginate(self) -> list[dict[str, Any]]:
        found = [
            {
                "UUID": each,
                "State": "Enabled",
                "EventSourceArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{each}",
                "FunctionArn": FUNCTION,
            }
            for each in self.there
        ]
        first = not self.read.is_set()
        self.read.set()
        if first:
            self.go_on.wait(0.5)
        return [{"EventSourceMappings": found}]


def test_mappings_made_at_the_same_time_all_get_their_poller(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = Listing(["one"])
    monkeypatch.setattr(world.aws, "own_client", lambda *_, **__: listing)
    known = cast(Functions, Known(Queue()))
    queues = Queues(world, known, Timer(world, name="timer"), lambda *_: ANSWER)

    slow = threading.Thread(target=world.changed, args=("lambda", CALLER, "CreateEventSourceMapping", {}))
    slow.start()
    listing.read.wait()
    listing.there.append("two")
    world.changed("lambda", CALLER, "CreateEventSourceMapping", {})
    listing.go_on.set()
    slow.join()

    # The older list, which is carried out late, does not hold the newer mapping.
    assert [(told["queue"], told["running"]) for told in queues.describe()] == [("one", True), ("two", True)]


def test_mappings_that_cannot_be_read_are_read_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    listing, broken = Listing(["one"]), [True]
    listing.read.set()

    def own_client(*_: Any, **__: Any) -> Listing:
        if broken:
            broken.pop()
            raise RuntimeError("dictionary changed size during iteration")
        return listing

    monkeypatch.setattr(world.aws, "own_client", own_client)
    queues = Queues(world, cast(Functions, Known(Queue())), Timer(world, name="timer"), lambda *_: ANSWER)

    world.changed("lambda", CALLER, "CreateEventSourceMapping", {})

    assert eventually(lambda: [told["queue"] for told in queues.describe()] == ["one"])


@pytest.mark.parametrize("trouble", [OSError(24, "Too many open files"), MillraceError("no answer")])
def test_a_worker_that_cannot_start_is_a_trouble_of_lambda_after_which_callers_try_again(
    world: World, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    def start(*_: Any, **__: Any) -> None:
        raise trouble

    monkeypatch.setattr(pool_module, "Worker", start)
    pool = Pool(world, cast(Functions, Known(Queue())), Timer(world, name="timer"))
    function = Function(
        ACCOUNT, REGION, "reads", "$LATEST", FUNCTION, "python3.12", "h.h", "role", 3, 128, "", (), "logs", 1, None
    )

    for _ in range(2):  # with one reserved execution, which is given back
        with pytest.raises(ServiceError, match="cannot start") as refused:
            pool.run(function, Invocation("id", "{}", FUNCTION))
        assert (refused.value.code, refused.value.status) == ("ServiceException", 500)
    assert pool.describe() == {FUNCTION: {"busy": 0, "idle": 0}}
