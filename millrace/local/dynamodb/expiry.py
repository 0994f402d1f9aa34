"""Time to live: rows whose time is over go, as in AWS some while after; moto keeps them for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from millrace.local.dynamodb.atomic import TABLES
from millrace.local.replacing import change

SWEEP_SECONDS = 3600
# What lies further back than five years is no expiry time to DynamoDB.
OLDEST_SECONDS = 5 * 365 * 86_400

Now = Callable[[], float]


def mend(now: Now) -> None:
    """Look once an hour of the clock, when the next request comes."""
    from moto.dynamodb.responses import DynamoHandler

    swept = now()
    claim = threading.Lock()

    def call_action(self: Any) -> Any:
        nonlocal swept
        with claim:
            due = now() - swept >= SWEEP_SECONDS
            swept = now() if due else swept
        if due:
            sweep(now())
        return known(self)

    known = change(DynamoHandler, "call_action", call_action)


def sweep(now: float) -> None:
    """Delete what has expired in every table that has a time to live."""
    with TABLES:
        for table in _tables():
            name = table.ttl.get("AttributeName")
            if table.ttl["TimeToLiveStatus"] == "ENABLED" and name:
                for item in [each for each in table.all_items() if _expired(each.attrs.get(name), now)]:
                    table.delete_item(item.hash_key, item.range_key)


def _tables() -> Iterator[Any]:
    from moto.dynamodb.models import dynamodb_backends

    backends: list[tuple[str, str, Any]] = list(dynamodb_backends.iter_backends())
    for _, _, backend in backends:
        yield from list(backend.tables.values())


def _expired(value: Any, now: float) -> bool:
    return value is not None and value.type == "N" and now - OLDEST_SECONDS < float(value.value) < now
