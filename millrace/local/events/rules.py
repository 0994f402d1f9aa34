"""The rules of an event bus, read through the API and kept until something of EventBridge changes."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.events.pattern import Pattern, PatternError
from millrace.local.service import Caller
from millrace.local.world import World

log = logging.getLogger("millrace.events")

BusKey = tuple[str, str, str]


@dataclass(frozen=True)
class Rule:
    """A rule as far as delivery needs it; `pattern` is None for one that only has a schedule."""

    name: str
    arn: str
    account: str
    region: str
    enabled: bool
    pattern: Pattern | None
    schedule: str | None
    targets: tuple[dict[str, Any], ...]


class Rules:
    """Reads the rules of a bus once and again after each change."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._known: dict[BusKey, tuple[Rule, ...]] = {}
        self._changes = 0
        world.on_change("events", self._forget)

    def of(self, account: str, region: str, bus: str) -> tuple[Rule, ...]:
        key = (account, region, bus)
        with self._lock:
            known, changes = self._known.get(key), self._changes
        if known is not None:
            return known
        rules = self._read(account, region, bus)
        with self._lock:
            # What changed while we read would otherwise stay unseen.
            if changes == self._changes:
                self._known[key] = rules
        return rules

    def _forget(self, _caller: Caller, _operation: str, _params: dict[str, Any]) -> None:
        with self._lock:
            self._changes += 1
            self._known.clear()

    def _read(self, account: str, region: str, bus: str) -> tuple[Rule, ...]:
        client = self._world.aws.own_client("events", account=account, region=region)
        try:
            pages = client.get_paginator("list_rules").paginate(EventBusName=bus)
            found = [rule for page in pages for rule in page["Rules"]]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return ()
            raise
        return tuple(self._rule(client, account, region, bus, rule) for rule in found)

    def _rule(self, client: Any, account: str, region: str, bus: str, rule: dict[str, Any]) -> Rule:
        pages = client.get_paginator("list_targets_by_rule").paginate(Rule=rule["Name"], EventBusName=bus)
        return Rule(
            name=rule["Name"],
            arn=rule["Arn"],
            account=account,
            region=region,
            enabled=rule.get("State", "ENABLED") != "DISABLED",
            pattern=_pattern(rule),
            schedule=rule.get("ScheduleExpression") or None,
            targets=tuple(target for page in pages for target in page["Targets"]),
        )


def _pattern(rule: dict[str, Any]) -> Pattern | None:
    text = rule.get("EventPattern")
    try:
        return Pattern.parse(text) if text else None
    except PatternError as error:
        log.error("rule %s matches nothing: %s", rule["Arn"], error)
        return None
