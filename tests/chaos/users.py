"""What the users of a history do to the raw bucket and the queue, and the record of it that the checker gets."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote_plus

from tests.chaos import events
from tests.chaos.aws.executions import Execution
from tests.chaos.aws.objects import ObjectVersion
from tests.chaos.aws.queues import Message
from tests.chaos.evidence import Asked, Current, DeadLetter, Evidence, Trained, Upload, Version
from tests.chaos.history import POISON, Action, Delete, DeleteVersion, Put, RunByHand, Send
from tests.chaos.world import World

RAW, ARTIFACTS, LEDGER = "raw-bucket", "artifact-bucket", "ledger"
NOTICED_SUFFIXES = (".csv", ".CSV")
"""The names that the rule of the trigger stack lets through."""


@dataclass
class MadePut:
    put: Put
    version: ObjectVersion
    noticed: bool = False


@dataclass
class Users:
    """Plays the actions of the world's history at their time."""

    world: World
    puts: list[MadePut] = field(default_factory=list)
    timeline: list[Current] = field(default_factory=list)
    poison: list[str] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)
    requests: list[Asked] = field(default_factory=list)
    replayed: set[tuple[str, str]] = field(default_factory=set)
    by_hand: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for action in self.world.history.actions:
            self.world.at(action.at, partial(self.act, action))

    def act(self, action: Action) -> None:
        if isinstance(action, Put):
            self._put(action)
        elif isinstance(action, Delete):
            if any(made.put.key == action.key for made in self.puts):
                self.world.buckets.put(RAW, action.key, None)
                self._now_current(action.key)
        elif isinstance(action, DeleteVersion):
            if versions := self._versions(action.key):
                version = versions[max(0, len(versions) - 1 - action.back)]
                self.world.buckets.remove(RAW, action.key, version.version_id)
                self._now_current(action.key)
        elif isinstance(action, RunByHand):
            name = f"by-hand-{len(self.by_hand)}"
            uri = {"InputUri": f"s3://{ARTIFACTS}/inputs/{'0' * 64}"}
            started = self.world.executions.start(action.model, name, f"{action.model}{name}{'x' * 32}", uri)
            self.by_hand.add(started.arn)
        else:
            self._send(action)

    def _put(self, action: Put) -> None:
        made = MadePut(action, self.world.buckets.put(RAW, action.key, action.body))
        self.puts.append(made)
        self._now_current(action.key)
        if action.key.endswith(NOTICED_SUFFIXES):
            self.world.deliver(events.created(made.version, RAW), partial(setattr, made, "noticed", True))

    def _versions(self, key: str) -> list[ObjectVersion]:
        return list(self.world.buckets.stored.get(RAW, {}).get(key, []))

    def _now_current(self, key: str) -> None:
        versions = self._versions(key)
        current = versions[-1].version_id if versions and not versions[-1].marker else None
        self.timeline.append(Current(self.world.now, key, current))

    def _send(self, action: Send) -> None:
        body = self._about_a_version(action) if action.kind in ("encoded-key", "replay") else self._message(action)
        if body is None:
            return
        if action.kind in POISON:
            self.poison.append(body)
        if action.kind in ("replay", "start"):
            model = action.model if action.kind == "start" else action.key.split("/")[1]
            self.asked[model] = self.asked.get(model, 0) + 1
        if action.kind == "start":
            self.requests.append(Asked(action.model, f"drift-{len(self.requests)}", body))
        self.world.queues.send(body)

    def _message(self, action: Send) -> str:
        now = self.world.now
        foreign = events.created(ObjectVersion("raw/churn/accounts/a.csv", "f" * 32, b"x", now), "another-bucket")
        vanished = events.created(ObjectVersion("raw/churn/accounts/gone.csv", "0" * 32, b"x", now), RAW)
        request = f"drift-{len(self.requests)}"
        start = {"model": action.model, "cause": "drift", "reason": "the data drifted", "request": request}
        messages = {
            "not-json": "{oops",
            "not-object": "[1, 2]",
            "no-detail": json.dumps({"detail-type": "Object Created", "source": "aws.s3", "detail": {}}),
            "foreign-bucket": events.text(foreign),
            "vanished": events.text(vanished),
            "start": json.dumps({"start": start}),
            "schedule": events.schedule(self.world.history.tables, now),
        }
        return messages[action.kind]

    def _about_a_version(self, action: Send) -> str | None:
        versions = [version for version in self._versions(action.key) if not version.marker]
        if not versions:
            return None
        version = self.world.random.choice(versions)
        if action.kind == "replay":
            self.replayed.add((version.key, version.version_id))
            model = action.key.split("/")[1]
            replay = {"model": model, "bucket": RAW, "key": version.key, "version_id": version.version_id}
            return json.dumps({"replay": replay})
        event = events.created(version, RAW)
        event["detail"]["object"]["key"] = quote_plus(version.key)
        return events.text(event)

    def evidence(self) -> Evidence:
        """Everything there is to know of the history, after it was played."""
        world = self.world
        return Evidence(
            tables=world.history.tables,
            trigger=world.history.trigger,
            uploads=tuple(_upload(made) for made in self.puts),
            versions=tuple(
                Version(version.key, version.version_id, latest, version.marker)
                for version, latest in world.buckets.versions(RAW)
            ),
            timeline=tuple(self.timeline),
            rows=tuple(plain(item) for item in world.table.items.values()),
            executions=tuple(self._trained(execution) for execution in world.executions.all.values()),
            waiting=tuple(message.body for message in world.queues.waiting),
            dead=tuple(_dead_letter(message) for message in world.queues.dead),
            poison=tuple(self.poison),
            asked=self.asked,
            requests=tuple(self.requests),
            replayed=frozenset(self.replayed),
            listed_at_once=world.history.page >= 1000,
        )

    def _trained(self, execution: Execution) -> Trained:
        return Trained(
            arn=execution.arn,
            model=execution.pipeline,
            name=execution.name,
            started=execution.started,
            ended=execution.ended,
            status=execution.status,
            by_hand=execution.arn in self.by_hand,
            manifest=execution.manifest,
            reads={table: tuple(digests) for table, digests in execution.reads.items()},
        )


def _upload(made: MadePut) -> Upload:
    _, model, table, _ = made.put.key.split("/", 3)
    digest = hashlib.sha256(made.put.body).hexdigest()
    version = made.version
    return Upload(
        version.modified, model, table, version.key, version.version_id, digest, made.put.verdict, made.noticed
    )


def plain(item: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """An item of DynamoDB's wire format as plain values."""
    return {name: float(value["N"]) if "N" in value else next(iter(value.values())) for name, value in item.items()}


def _dead_letter(message: Message) -> DeadLetter:
    def attribute(name: str) -> str:
        return str(message.attributes.get(name, {}).get("StringValue", ""))

    return DeadLetter(message.body, attribute("Reason"), attribute("Explanation"))
