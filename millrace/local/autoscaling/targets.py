"""What Application Auto Scaling remembers: scalable targets, their policies, and what was done."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from millrace.local.sagemaker.store import Place

MOST_ACTIVITIES = 1000
NAMESPACE, DIMENSION = "sagemaker", "sagemaker:variant:DesiredInstanceCount"


@dataclass(frozen=True)
class Target:
    """One variant of an endpoint, with the limits of its instance count."""

    place: Place
    endpoint: str
    variant: str
    least: int
    most: int
    arn: str
    created: datetime
    suspended: dict[str, bool]
    scaled_out: float = 0.0
    """When it was last scaled out, and in, by the embedded clock."""
    scaled_in: float = 0.0

    @property
    def resource(self) -> str:
        return f"endpoint/{self.endpoint}/variant/{self.variant}"

    @property
    def named(self) -> dict[str, Any]:
        return {"ServiceNamespace": NAMESPACE, "ResourceId": self.resource, "ScalableDimension": DIMENSION}


@dataclass(frozen=True)
class Policy:
    """A target tracking policy and the names of its two alarms."""

    name: str
    arn: str
    config: dict[str, Any]
    high: str
    low: str
    created: datetime

    @property
    def goal(self) -> float:
        return float(self.config["TargetValue"])


Key = tuple[Place, str]


class Targets:
    """By place and resource id; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._targets: dict[Key, Target] = {}
        self._policies: dict[Key, dict[str, Policy]] = {}
        self._activities: dict[Place, deque[dict[str, Any]]] = {}
        self._linked: set[str] = set()

    def find(self, place: Place, resource: str) -> Target | None:
        with self._lock:
            return self._targets.get((place, resource))

    def of(self, place: Place) -> list[Target]:
        with self._lock:
            return [target for target in self._targets.values() if target.place == place]

    def all(self) -> list[Target]:
        with self._lock:
            return list(self._targets.values())

    def put(self, target: Target) -> None:
        with self._lock:
            self._targets[target.place, target.resource] = target

    def remove(self, target: Target) -> list[Policy]:
        """Forget the target; its policies, which go with it."""
        with self._lock:
            self._targets.pop((target.place, target.resource), None)
            return list(self._policies.pop((target.place, target.resource), {}).values())

    def policies(self, target: Target) -> list[Policy]:
        with self._lock:
            return list(self._policies.get((target.place, target.resource), {}).values())

    def put_policy(self, target: Target, policy: Policy) -> None:
        with self._lock:
            self._policies.setdefault((target.place, target.resource), {})[policy.name] = policy

    def remove_policy(self, target: Target, name: str) -> Policy | None:
        with self._lock:
            return self._policies.get((target.place, target.resource), {}).pop(name, None)

    def scaled(self, target: Target, moment: float, *, out: bool) -> None:
        """Its cooldown begins."""
        with self._lock:
            known = self._targets.get((target.place, target.resource))
            if known is not None:
                self.put(replace(known, scaled_out=moment) if out else replace(known, scaled_in=moment))

    def note(self, place: Place, activity: dict[str, Any]) -> None:
        with self._lock:
            self._activities.setdefault(place, deque(maxlen=MOST_ACTIVITIES)).appendleft(activity)

    def activities(self, place: Place) -> list[dict[str, Any]]:
        """The newest first."""
        with self._lock:
            return list(self._activities.get(place, ()))

    def is_linked(self, account: str) -> bool:
        """Whether the account's service-linked role is there."""
        with self._lock:
            return account in self._linked

    def link(self, account: str) -> None:
        with self._lock:
            self._linked.add(account)

    def dump(self) -> dict[str, Any]:
        with self._lock:
            return {
                "targets": dict(self._targets),
                "policies": {key: dict(found) for key, found in self._policies.items()},
                "activities": {place: list(found) for place, found in self._activities.items()},
                "linked": set(self._linked),
            }

    def load(self, content: dict[str, Any]) -> None:
        with self._lock:
            self._targets, self._policies = content["targets"], content["policies"]
            self._activities = {
                place: deque(found, maxlen=MOST_ACTIVITIES) for place, found in content["activities"].items()
            }
            self._linked = content["linked"]
