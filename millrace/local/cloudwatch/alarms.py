"""The alarms of all accounts with their tags and history; the operations and the evaluator work on it."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from millrace.local.cloudwatch.alarm import Alarm, State

Place = tuple[str, str]
MOST_HISTORY = 5000


@dataclass(frozen=True)
class Item:
    """One line of an alarm's history."""

    alarm: str
    alarm_type: str
    moment: datetime
    kind: str
    summary: str
    data: str

    def shown(self) -> dict[str, Any]:
        return {
            "AlarmName": self.alarm,
            "AlarmType": self.alarm_type,
            "Timestamp": self.moment,
            "HistoryItemType": self.kind,
            "HistorySummary": self.summary,
            "HistoryData": self.data,
        }


class Alarms:
    """Kept by account, region and name; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._alarms: dict[Place, dict[str, Alarm]] = defaultdict(dict)
        self._tags: dict[str, dict[str, str]] = {}
        self._history: dict[Place, deque[Item]] = defaultdict(lambda: deque(maxlen=MOST_HISTORY))

    def find(self, place: Place, name: str) -> Alarm | None:
        with self._lock:
            return self._alarms[place].get(name)

    def of(self, place: Place) -> list[Alarm]:
        """All of an account and region, by name."""
        with self._lock:
            return [alarm for _, alarm in sorted(self._alarms[place].items())]

    def all(self) -> list[Alarm]:
        with self._lock:
            return [alarm for known in self._alarms.values() for alarm in known.values()]

    def put(self, alarm: Alarm) -> None:
        with self._lock:
            self._alarms[alarm.account, alarm.region][alarm.name] = alarm

    def remove(self, alarm: Alarm) -> None:
        with self._lock:
            self._alarms[alarm.account, alarm.region].pop(alarm.name, None)
            self._tags.pop(alarm.arn, None)

    def move(self, alarm: Alarm, make: Callable[[Alarm], State | None]) -> tuple[Alarm, Alarm] | None:
        """Give the alarm, as it is now, the state that `make` says; the alarm before and after, if it did."""
        with self._lock:
            now = self._alarms[alarm.account, alarm.region].get(alarm.name)
            state = make(now) if now else None
            if now is None or state is None:
                return None
            after = now.within(state)
            self._alarms[alarm.account, alarm.region][alarm.name] = after
            return now, after

    def tag(self, arn: str, tags: Iterable[dict[str, str]]) -> None:
        with self._lock:
            self._tags.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in tags})

    def untag(self, arn: str, keys: Iterable[str]) -> None:
        with self._lock:
            known = self._tags.get(arn, {})
            for key in keys:
                known.pop(key, None)

    def tags(self, arn: str) -> dict[str, str]:
        with self._lock:
            return dict(self._tags.get(arn, {}))

    def note(self, alarm: Alarm, kind: str, moment: datetime, summary: str, data: str) -> None:
        """Write into the alarm's history."""
        with self._lock:
            self._history[alarm.account, alarm.region].append(Item(alarm.name, alarm.kind, moment, kind, summary, data))

    def history(self, place: Place) -> list[Item]:
        with self._lock:
            return list(self._history[place])

    def dump(self) -> dict[str, Any]:
        with self._lock:
            return {
                "alarms": [alarm for known in self._alarms.values() for alarm in known.values()],
                "tags": {arn: dict(tags) for arn, tags in self._tags.items()},
                "history": {place: list(items) for place, items in self._history.items()},
            }

    def load(self, content: dict[str, Any]) -> None:
        with self._lock:
            for alarm in content["alarms"]:
                self.put(alarm)
            self._tags = content["tags"]
            for place, items in content["history"].items():
                self._history[place].extend(items)
