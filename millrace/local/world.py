"""What every service of the embedded AWS is given: where it is, its clock, boto3 towards itself, runtimes."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millrace.local.clients import Clients
from millrace.local.clock import Clock
from millrace.local.cloudwatch.metrics import Metrics
from millrace.local.cloudwatch.watch import Watch
from millrace.local.faults.faults import Faults
from millrace.local.faults.invocations import Invocations
from millrace.local.forkserver.client import Runtimes
from millrace.local.service import Caller

if TYPE_CHECKING:
    from millrace.local.iam.gate import Gate

log = logging.getLogger("millrace")

OnChange = Callable[[Caller, str, dict[str, Any]], None]
Publish = Callable[..., str]
# Records gauges for the given full minutes, before alarms are judged at them.
Sampler = Callable[[Sequence[int]], None]


class World:
    """One embedded AWS: made by `millrace.local.server`, passed to the constructor of each service."""

    def __init__(self, *, url: str, folder: Path, clock: Clock | None = None) -> None:
        self.url = url
        self.folder = folder
        self.clock = clock or Clock(file=folder / "clock")
        self.metrics = Metrics(self.clock)
        self.alarms = Watch()
        self.samplers: list[Sampler] = []
        self.aws = Clients(url)
        self.runtimes = Runtimes(self.clock.file)
        self.faults = Faults(self.clock)
        self.invocations = Invocations()
        self._iam: Gate | None = None
        self.stopping = threading.Event()
        self._publish: Publish | None = None
        self._on_change: dict[str, list[OnChange]] = defaultdict(list)

    @property
    def iam(self) -> Gate:
        """What decides every request; there is no embedded AWS without it."""
        if self._iam is None:
            raise RuntimeError("no gate is connected: set iam first")
        return self._iam

    @iam.setter
    def iam(self, gate: Gate) -> None:
        self._iam = gate

    def publish(
        self,
        *,
        account: str,
        region: str,
        source: str,
        detail_type: str,
        detail: dict[str, Any],
        resources: Sequence[str] = (),
    ) -> str:
        """Put an AWS service's event onto the account's default bus; delivery is asynchronous."""
        if self._publish is None:
            raise RuntimeError("no event service is connected: call connect_events first")
        return self._publish(
            account=account,
            region=region,
            source=source,
            detail_type=detail_type,
            detail=detail,
            resources=list(resources),
        )

    def connect_events(self, publish: Publish) -> None:
        self._publish = publish

    def on_change(self, service: str, callback: OnChange) -> None:
        """Call `callback(caller, operation, params)` after each successful mutating request that moto served."""
        self._on_change[service].append(callback)

    def changed(self, service: str, caller: Caller, operation: str, params: dict[str, Any]) -> None:
        for callback in self._on_change.get(service, ()):
            callback(caller, operation, params)

    def watches(self, service: str) -> bool:
        return service in self._on_change

    def spawn(self, target: Callable[..., object], *args: Any, name: str) -> threading.Thread:
        """Run `target` in a daemon thread; an exception of it is logged with its traceback."""

        def run() -> None:
            try:
                target(*args)
            except Exception:
                if not self.stopping.is_set():
                    log.exception("thread %s ended by an exception", name)

        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        self.stopping.set()
        self.clock.wake()
        self.runtimes.stop()
