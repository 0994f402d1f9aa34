"""EventBridge: PutEvents and TestEventPattern are ours, the configuration of rules and targets is moto's.

The server makes one `Events`, connects `World.publish` and the S3 patch to it and passes it to the gateway.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.events.bus import Bus
from millrace.local.events.objects import Sequencer, object_detail
from millrace.local.events.pattern import Pattern, PatternError
from millrace.local.events.scheduler import Scheduler
from millrace.local.events.timer import Timer
from millrace.local.service import Caller, Handler, ServiceError
from millrace.local.world import World

MOST_ENTRIES = 10
MOST_BYTES = 1024 * 1024
# Only a new or removed object has a reason and a place in the order of its key.
ORDERED = ("Object Created", "Object Deleted")


class Events:
    """The part of EventBridge that delivers, and the clock of both schedulers."""

    name = "events"
    complete = False

    def __init__(self, world: World) -> None:
        self._world = world
        timer = Timer(world, name="event timer")
        self.bus = Bus(world, timer)
        self.scheduler = Scheduler(world, timer, self.bus)
        self._sequencer = Sequencer()

    @property
    def store(self) -> Scheduler:
        """What of delivery must survive a restart: from when the schedules count."""
        return self.scheduler

    def start(self) -> None:
        self.scheduler.start()

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {"PutEvents": self.put_events, "TestEventPattern": self.test_event_pattern}

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
        """An event of an AWS service onto the account's default bus."""
        return self.bus.publish(
            account=account,
            region=region,
            source=source,
            detail_type=detail_type,
            detail=detail,
            resources=resources,
        )

    def s3_event(
        self,
        *,
        account: str,
        region: str,
        bucket: str,
        key: str,
        size: int | None,
        etag: str | None,
        version_id: str | None,
        detail_type: str,
        reason: str,
        deletion_type: str | None,
        requester: str | None = None,
    ) -> None:
        """A change of an object in a bucket that has EventBridge notifications on."""
        ordered = detail_type in ORDERED
        self.publish(
            account=account,
            region=region,
            source="aws.s3",
            detail_type=detail_type,
            resources=[f"arn:aws:s3:::{bucket}"],
            detail=object_detail(
                bucket=bucket,
                key=key,
                size=size,
                etag=etag,
                version_id=version_id,
                requester=requester or account,
                reason=reason if ordered else None,
                deletion_type=deletion_type,
                sequencer=self._sequencer.next() if ordered else None,
            ),
        )

    def put_events(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        entries = params["Entries"]
        if not 1 <= len(entries) <= MOST_ENTRIES:
            raise ServiceError(
                "ValidationException",
                f"1 validation error detected: Value at 'entries' has {len(entries)} members; "
                f"allowed are 1 to {MOST_ENTRIES}",
            )
        if sum(map(_entry_bytes, entries)) > MOST_BYTES:
            raise ServiceError("ValidationException", f"Total size of the entries is over {MOST_BYTES} bytes")
        known: dict[str, bool] = {}
        results = [self._put(caller, entry, known) for entry in entries]
        return {"Entries": results, "FailedEntryCount": sum("ErrorCode" in result for result in results)}

    def _put(self, caller: Caller, entry: dict[str, Any], known: dict[str, bool]) -> dict[str, Any]:
        fault = _entry_fault(entry)
        if fault:
            return fault
        named = entry.get("EventBusName") or "default"
        parts = named.split(":") if named.startswith("arn:") else None
        account, region = (parts[4], parts[3]) if parts else (caller.account, caller.region)
        bus = parts[5].removeprefix("event-bus/") if parts else named
        if named not in known:
            known[named] = self._exists(account, region, bus)
        if not known[named]:
            return _refused("ResourceNotFoundException", f"Event bus {bus} does not exist.")
        event_id = self.bus.publish(
            account=account,
            region=region,
            source=entry["Source"],
            detail_type=entry["DetailType"],
            detail=json.loads(entry["Detail"]),
            resources=entry.get("Resources") or (),
            time=entry.get("Time"),
            bus=bus,
        )
        return {"EventId": event_id}

    def _exists(self, account: str, region: str, bus: str) -> bool:
        if bus == "default":
            return True
        try:
            self._world.aws.own_client("events", account=account, region=region).describe_event_bus(Name=bus)
        except ClientError:
            return False
        return True

    def test_event_pattern(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        try:
            event = json.loads(params["Event"])
            return {"Result": Pattern.parse(params["EventPattern"]).matches(event)}
        except PatternError as error:
            raise ServiceError("InvalidEventPatternException", str(error)) from error
        except json.JSONDecodeError as error:
            raise ServiceError("ValidationException", f"Event is not valid JSON: {error}") from error


def _entry_bytes(entry: dict[str, Any]) -> int:
    texts = [entry.get(name) or "" for name in ("Source", "DetailType", "Detail")]
    stamp = 14 if entry.get("Time") else 0
    return stamp + sum(len(text.encode()) for text in [*texts, *(entry.get("Resources") or ())])


def _entry_fault(entry: dict[str, Any]) -> dict[str, Any] | None:
    """The answer for an entry that EventBridge does not take, or None when it does."""
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            return _refused("InvalidArgument", f"Parameter {name} is not valid. Reason: it is required.")
    if entry["Source"].startswith("aws."):
        return _refused("NotAuthorizedForSourceException", "Not authorized for the source.")
    if not _is_json_object(entry["Detail"]):
        return _refused("MalformedDetail", "Detail is malformed.")
    return None


def _refused(code: str, message: str) -> dict[str, Any]:
    return {"ErrorCode": code, "ErrorMessage": message}


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except json.JSONDecodeError:
        return False
