"""What SageMaker remembers: one record per resource, per account and region. Every part of it writes here.

A record is a plain dict in the shape of the kind's Describe answer (fields with a leading underscore are
our own and never leave the server). Records are replaced, never changed in place, so whoever holds one
holds a snapshot. `changed` wakes everyone who waits for a state.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from millrace.local.service import Caller

Record = dict[str, Any]
T = TypeVar("T")

WAKE_SECONDS = 1.0


class Place(NamedTuple):
    """Where a resource lives."""

    account: str
    region: str

    @classmethod
    def of(cls, caller: Caller) -> Place:
        return cls(caller.account, caller.region)

    @classmethod
    def of_arn(cls, arn: str) -> Place:
        parts = arn.split(":")
        return cls(parts[4], parts[3])


class Store:
    """Thread-safe; hold `lock` to make several steps one."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self._records: dict[tuple[Place, str], dict[str, Record]] = {}
        self._tags: dict[str, dict[str, str]] = {}

    def find(self, place: Place, kind: str, name: str) -> Record | None:
        with self.lock:
            return self._records.get((place, kind), {}).get(name)

    def all(self, place: Place, kind: str) -> list[Record]:
        """The records of a kind in the order they were made."""
        with self.lock:
            return list(self._records.get((place, kind), {}).values())

    def everywhere(self, kind: str) -> list[tuple[Place, str, Record]]:
        with self.lock:
            return [
                (place, name, record)
                for (place, of_kind), records in self._records.items()
                if of_kind == kind
                for name, record in records.items()
            ]

    def put(self, place: Place, kind: str, name: str, record: Record) -> Record:
        with self.changed:
            self._records.setdefault((place, kind), {})[name] = record
            self.changed.notify_all()
        return record

    def update(self, place: Place, kind: str, name: str, **fields: Any) -> Record | None:
        """Set fields of a record (None removes one); None when the record is gone."""
        with self.changed:
            record = self.find(place, kind, name)
            if record is None:
                return None
            merged = {key: value for key, value in {**record, **fields}.items() if value is not None}
            return self.put(place, kind, name, merged)

    def delete(self, place: Place, kind: str, name: str) -> Record | None:
        with self.changed:
            record = self._records.get((place, kind), {}).pop(name, None)
            self.changed.notify_all()
        return record

    def wait(self, ready: Callable[[], T | None], *, stop: threading.Event, timeout: float | None = None) -> T | None:
        """What `ready` answers once it is not None, asked after every change; None on stop or time-out."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.changed:
            while not stop.is_set():
                value = ready()
                if value is not None:
                    return value
                left = WAKE_SECONDS if deadline is None else min(WAKE_SECONDS, deadline - time.monotonic())
                if left <= 0:
                    return None
                self.changed.wait(left)
        return None

    def tag(self, arn: str, tags: list[dict[str, str]]) -> None:
        with self.lock:
            self._tags.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in tags})

    def untag(self, arn: str, keys: list[str] | None = None) -> None:
        """Remove some tags of a resource, or all of them."""
        with self.lock:
            if keys is None:
                self._tags.pop(arn, None)
            for key in keys or ():
                self._tags.get(arn, {}).pop(key, None)

    def tags(self, arn: str) -> dict[str, str]:
        with self.lock:
            return dict(self._tags.get(arn, {}))

    def dump(self) -> dict[str, Any]:
        """Everything, as plain data to pickle."""
        with self.lock:
            records = {key: dict(found) for key, found in self._records.items()}
            return {"records": records, "tags": {arn: dict(tags) for arn, tags in self._tags.items()}}

    def load(self, content: dict[str, Any]) -> None:
        with self.changed:
            self._records = {key: dict(found) for key, found in content["records"].items()}
            self._tags = {arn: dict(tags) for arn, tags in content["tags"].items()}
            self.changed.notify_all()
