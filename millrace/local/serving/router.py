"""Which fleet of an endpoint a request goes to: the one in service, and during a deployment a share to the new one."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping

from millrace.local.serving.fleet import Fleet
from millrace.local.serving.variant import Variant


class Router:
    """Changes take effect for the very next request; what is under way ends where it began."""

    def __init__(self, serving: Fleet) -> None:
        self._lock = threading.Lock()
        self._serving = serving
        self._new: Fleet | None = None
        self._active: Mapping[str, int] = {}
        self._credit: dict[str, float] = defaultdict(float)
        self._held = False

    @property
    def serving(self) -> Fleet:
        return self._serving

    @property
    def fleets(self) -> list[Fleet]:
        """Also the one that is being deployed."""
        with self._lock:
            return [self._serving, *([self._new] if self._new else [])]

    def offer(self, fleet: Fleet) -> None:
        """A new fleet, without traffic yet."""
        with self._lock:
            self._new, self._active, self._held = fleet, {}, False
            self._credit.clear()

    def activate(self, instances: Mapping[str, int]) -> None:
        """Give so many instances of the new fleet's variants their share of the traffic."""
        with self._lock:
            for name, count in instances.items():
                if self._new is not None:
                    self._new.variants[name].admit(count)
            self._active = dict(instances)

    def hold(self, fleet: Fleet) -> None:
        """No more traffic to the new fleet, at once; for good, as only `withdraw` can follow."""
        with self._lock:
            if self._new is fleet:
                self._held = True

    def withdraw(self) -> None:
        with self._lock:
            self._new, self._active, self._held = None, {}, False

    def promote(self) -> Fleet | None:
        """The new fleet serves; the old one, or None when traffic is held back."""
        with self._lock:
            if self._held or self._new is None:
                return None
            for variant in self._new.variants.values():
                variant.admit(None)
            old, self._serving = self._serving, self._new
            self._new, self._active = None, {}
            return old

    def choose(self, target: str | None = None) -> Variant | None:
        """The variant asked for, or one by weight; None when there is no such variant."""
        with self._lock:
            variant = self._serving.choose(target)
            if self._new is None or self._held:
                return variant
            new = self._new.variants.get(variant.plan.name) if variant else None
            return new if new and self._takes(new) else variant

    def _takes(self, new: Variant) -> bool:
        """Whether this request is one of the new variant's share; exact over any run of requests."""
        name, count = new.plan.name, new.plan.count
        credit = self._credit[name] + min(1.0, self._active.get(name, 0) / count)
        taken = credit > 1.0 - 1e-9
        self._credit[name] = credit - 1.0 if taken else credit
        return taken
