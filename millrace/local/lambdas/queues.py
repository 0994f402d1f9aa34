"""Event source mappings: one poller (`poller.py`) per queue and function, started and stopped with its mapping."""

from __future__ import annotations

import logging
import threading
from typing import Any

from millrace.local.events.timer import Timer
from millrace.local.lambdas.batches import Mapping
from millrace.local.lambdas.functions import Functions
from millrace.local.lambdas.poller import DEFAULT_CONCURRENCY, LOOK_AGAIN_SECONDS, Poller, Run
from millrace.local.service import Caller
from millrace.local.world import World

log = logging.getLogger("millrace.lambda")

WAKING = (
    "SendMessage",
    "SendMessageBatch",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "StartMessageMoveTask",
)


class Queues:
    """Starts and stops pollers as mappings come, change and go."""

    def __init__(self, world: World, functions: Functions, timer: Timer, run: Run) -> None:
        self._world = world
        self._functions = functions
        self._timer = timer
        self._run = run
        self._refreshing = threading.Lock()
        self._places: set[tuple[str, str]] = set()
        self._pollers: dict[str, Poller] = {}
        world.on_change("lambda", self._mapping_changed)
        world.on_change("sqs", self._queue_changed)

    def dump(self) -> list[tuple[str, str]]:
        """The accounts and regions that have mappings, for the saved state."""
        return sorted({(poller.account, poller.region) for poller in list(self._pollers.values())})

    def load(self, places: list[tuple[str, str]]) -> None:
        self._places = set(places)

    def start(self) -> None:
        """Take up the mappings of a loaded state."""
        for account, region in self._places:
            self._refresh(account, region)

    def describe(self) -> list[dict[str, Any]]:
        """What each poller does, for whoever wonders why a message waits."""
        return [poller.describe() for poller in list(self._pollers.values())]

    def _refresh(self, account: str, region: str) -> None:
        """Make the pollers of an account what its mappings say."""
        # Read and carried out in one: what an older reading does not show yet would be taken for deleted, and stopped.
        with self._refreshing:
            mappings = self._enabled(account, region)
            for known, poller in list(self._pollers.items()):
                if (poller.account, poller.region) == (account, region) and mappings.get(known) != poller.mapping:
                    self._pollers.pop(known).stop()
            for new, mapping in mappings.items():
                if new not in self._pollers:
                    made = Poller(self._world, self._functions, self._timer, self._run, mapping)
                    self._pollers[new] = made
                    made.start()

    def _enabled(self, account: str, region: str) -> dict[str, Mapping]:
        client = self._world.aws.own_client("lambda", account=account, region=region)
        pages = client.get_paginator("list_event_source_mappings").paginate()
        configs = [config for page in pages for config in page["EventSourceMappings"]]
        return {
            config["UUID"]: Mapping.read(config, default_concurrency=DEFAULT_CONCURRENCY)
            for config in configs
            if config["State"] == "Enabled" and config["EventSourceArn"].split(":")[2] == "sqs"
        }

    def _mapping_changed(self, caller: Caller, operation: str, _params: dict[str, Any]) -> None:
        if operation.endswith("EventSourceMapping"):
            self._refresh_surely(caller.account, caller.region)

    def _refresh_surely(self, account: str, region: str) -> None:
        """What cannot be read now is read a moment later: nothing else would ever start the poller."""
        try:
            self._refresh(account, region)
        except Exception:
            log.exception("the event source mappings of %s in %s", account, region)
            self._timer.after(LOOK_AGAIN_SECONDS, lambda: self._refresh_surely(account, region))

    def _queue_changed(self, caller: Caller, operation: str, params: dict[str, Any]) -> None:
        if operation not in WAKING:
            return
        *_, account, name = f"/{params.get('QueueUrl', '')}".split("/")
        delays = {params.get("DelaySeconds"), params.get("VisibilityTimeout")}
        for entry in params.get("Entries") or ():
            delays |= {entry.get("DelaySeconds"), entry.get("VisibilityTimeout")}
        for poller in list(self._pollers.values()):
            if not name or poller.queue == (account if account.isdigit() else caller.account, name):
                poller.wake()
                for delay in filter(None, delays):
                    poller.wake_after(float(delay))
