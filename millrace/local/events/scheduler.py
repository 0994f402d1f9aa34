"""EventBridge Scheduler and the schedule rules of EventBridge, fired by the movable clock.

Their configuration is moto's; after each change of it the schedule's next moment is computed anew and given
to the timer, so nothing polls. Moving the clock fires every period that has passed, oldest first.
"""

from __future__ import annotations

import functools
import json
import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.events.bus import Bus, utc_text
from millrace.local.events.delivery import Delivery, retry_policy
from millrace.local.events.expression import Expression, ExpressionError, next_fire, parse, time_zone
from millrace.local.events.targets import UNIVERSAL, Target
from millrace.local.events.timer import Appointment, Timer
from millrace.local.service import Caller
from millrace.local.world import World

log = logging.getLogger("millrace.scheduler")

Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Schedule:
    """When something fires and what happens then; `source` tells whether its configuration changed."""

    key: Key
    expression: Expression
    zone: str | None
    start: float | None
    end: float | None
    anchor: float
    fire: Callable[[float], None]
    source: dict[str, Any]


class Scheduler:
    """Keeps one appointment per enabled schedule and rule."""

    def __init__(self, world: World, timer: Timer, bus: Bus) -> None:
        self._world = world
        self._timer = timer
        self._bus = bus
        self._lock = threading.Lock()
        self._anchors: dict[Key, float] = {}
        self._schedules: dict[Key, Schedule] = {}
        self._appointments: dict[Key, Appointment] = {}
        world.on_change("scheduler", self._schedule_changed)
        world.on_change("events", self._rule_changed)

    def dump(self) -> dict[Key, float]:
        """From when each schedule counts, for the saved state."""
        return {key: schedule.anchor for key, schedule in list(self._schedules.items())}

    def load(self, anchors: dict[Key, float]) -> None:
        self._anchors = dict(anchors)

    def start(self) -> None:
        """Take up the schedules of a loaded state; what was missed while nothing ran stays missed."""
        for account, region in {key[:2] for key in self._anchors}:
            self._refresh(account, region)

    def _refresh(self, account: str, region: str) -> None:
        client = self._world.aws.own_client("scheduler", account=account, region=region)
        for page in client.get_paginator("list_schedules").paginate():
            for item in page["Schedules"]:
                self._read_schedule(account, region, item["GroupName"], item["Name"], new=False)
        events = self._world.aws.own_client("events", account=account, region=region)
        for bus in events.list_event_buses()["EventBuses"]:
            self._read_rules(account, region, bus["Name"], new=False)

    def _schedule_changed(self, caller: Caller, operation: str, params: dict[str, Any]) -> None:
        group = params.get("GroupName") or "default"
        if operation in ("CreateSchedule", "UpdateSchedule"):
            self._read_schedule(caller.account, caller.region, group, params["Name"], new=True)
        elif operation == "DeleteSchedule":
            self._remove((caller.account, caller.region, f"schedule/{group}", params["Name"]))
        elif operation == "DeleteScheduleGroup":
            for key in [key for key in list(self._schedules) if key[2] == f"schedule/{params['Name']}"]:
                self._remove(key)

    def _rule_changed(self, caller: Caller, operation: str, params: dict[str, Any]) -> None:
        bus = _bus_name(params.get("EventBusName"))
        if operation == "EnableRule" or (operation == "PutRule" and params.get("ScheduleExpression")):
            self._read_rules(caller.account, caller.region, bus, new=True)
        elif operation in ("PutRule", "DisableRule", "DeleteRule"):
            self._remove((caller.account, caller.region, f"rule/{bus}", params["Name"]))

    def _read_schedule(self, account: str, region: str, group: str, name: str, *, new: bool) -> None:
        key = (account, region, f"schedule/{group}", name)
        client = self._world.aws.own_client("scheduler", account=account, region=region)
        try:
            schedule = client.get_schedule(GroupName=group, Name=name)
        except ClientError:
            self._remove(key)
            return
        del schedule["ResponseMetadata"]
        # An update that names no state sets the default one, which moto then does not show.
        if schedule.get("State", "ENABLED") != "ENABLED":
            self._remove(key)
            return
        self._keep(
            key,
            source=schedule,
            text=schedule["ScheduleExpression"],
            fire=functools.partial(self._fire_schedule, account, region, schedule),
            new=new,
            # A rate without a start date fires at once.
            at_once=True,
        )

    def _read_rules(self, account: str, region: str, bus: str, *, new: bool) -> None:
        for rule in self._bus.rules.of(account, region, bus):
            key = (account, region, f"rule/{bus}", rule.name)
            if not rule.enabled or not rule.schedule:
                self._remove(key)
                continue
            self._keep(
                key,
                source={"ScheduleExpression": rule.schedule},
                text=rule.schedule,
                fire=functools.partial(self._fire_rule, account, region, bus, rule.name),
                new=new,
                at_once=False,
                strict_units=True,
            )

    def _keep(
        self,
        key: Key,
        *,
        source: dict[str, Any],
        text: str,
        fire: Callable[[float], None],
        new: bool,
        at_once: bool,
        strict_units: bool = False,
    ) -> None:
        """Hold a schedule and make its appointment, unless it is the one we already have."""
        with self._lock:
            known = self._schedules.get(key)
            if known and known.source == source:
                return
        expression = _expression(key, text, source, strict_units)
        self._remove(key)
        if expression is None:
            return
        now = self._world.clock.now()
        schedule = Schedule(
            key=key,
            expression=expression,
            zone=source.get("ScheduleExpressionTimezone"),
            start=_epoch(source.get("StartDate")),
            end=_epoch(source.get("EndDate")),
            anchor=known.anchor if known else now if new else self._anchors.get(key, now),
            fire=fire,
            source=source,
        )
        with self._lock:
            self._schedules[key] = schedule
        self._appoint(schedule, now - 1e-6 if at_once and new and not known else now)

    def _appoint(self, schedule: Schedule, after: float) -> bool:
        """Whether the schedule fires once more after a moment."""
        moment = next_fire(
            schedule.expression,
            after,
            zone=time_zone(schedule.zone),
            anchor=schedule.anchor,
            start=schedule.start,
            end=schedule.end,
        )
        if moment is None:
            return False
        with self._lock:
            if self._schedules.get(schedule.key) is schedule:
                due = functools.partial(self._due, schedule, moment)
                self._appointments[schedule.key] = self._timer.at(moment, due)
        return True

    def _due(self, schedule: Schedule, moment: float) -> None:
        if self._schedules.get(schedule.key) is schedule:
            schedule.fire(moment)
            if not self._appoint(schedule, moment):
                self._complete(schedule)

    def _complete(self, schedule: Schedule) -> None:
        """The schedule will not fire again; ActionAfterCompletion may ask that it goes away."""
        if schedule.source.get("ActionAfterCompletion") != "DELETE":
            return
        account, region, group, name = schedule.key
        client = self._world.aws.own_client("scheduler", account=account, region=region)
        self._bus.deliverer.run(lambda: client.delete_schedule(GroupName=group.removeprefix("schedule/"), Name=name))

    def _remove(self, key: Key) -> None:
        with self._lock:
            self._schedules.pop(key, None)
            appointment = self._appointments.pop(key, None)
        if appointment:
            appointment.cancel()

    def _fire_rule(self, account: str, region: str, bus: str, name: str, moment: float) -> None:
        """A scheduled event goes to the targets of its own rule only; no pattern sees it."""
        for rule in self._bus.rules.of(account, region, bus):
            if rule.name == name:
                self._bus.deliver(rule, _scheduled_event("aws.events", account, region, rule.arn, moment, {}))

    def _fire_schedule(self, account: str, region: str, schedule: dict[str, Any], moment: float) -> None:
        target, arn, execution = schedule["Target"], schedule["Arn"], uuid.uuid4().hex[:16]
        scheduled = utc_text(datetime.fromtimestamp(moment, UTC))
        event = _scheduled_event("aws.scheduler", account, region, arn, moment, "{}")
        template = target.get("Input") or ("{}" if UNIVERSAL.match(target["Arn"]) else json.dumps(event))

        def make_input(attempt: int) -> str:
            context = {"scheduled-time": scheduled, "execution-id": execution, "schedule-arn": arn}
            text = template.replace("<aws.scheduler.attempt-number>", str(attempt))
            for name, value in context.items():
                text = text.replace(f"<aws.scheduler.{name}>", value)
            return text

        self._bus.deliverer.submit(
            Delivery(
                account=account,
                region=region,
                origin={"SCHEDULE_ARN": arn},
                target=Target(target["Arn"], target["RoleArn"], target),
                make_input=make_input,
                event=event,
                created=self._world.clock.now(),
                details={"EXECUTION_ID": execution, "SCHEDULED_TIME": scheduled},
                **retry_policy(target),
            )
        )


def _scheduled_event(
    source: str, account: str, region: str, arn: str, moment: float, detail: dict[str, Any] | str
) -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": source,
        "account": account,
        "time": utc_text(datetime.fromtimestamp(moment, UTC)),
        "region": region,
        "resources": [arn],
        "detail": detail,
    }


def _expression(key: Key, text: str, source: dict[str, Any], strict_units: bool) -> Expression | None:
    """The schedule's expression; one that no clock understands is logged and never fires."""
    try:
        time_zone(source.get("ScheduleExpressionTimezone"))
        return parse(text, strict_units=strict_units)
    except ExpressionError as error:
        log.error("%s never fires: %s", "/".join(key), error)
        return None


def _bus_name(name: str | None) -> str:
    return (name or "default").rpartition("/")[2]


def _epoch(moment: Any) -> float | None:
    if moment is None:
        return None
    return moment.timestamp() if isinstance(moment, datetime) else float(moment)
