"""Event buses: events come in, the rules that match send them to their targets.

`Events.PutEvents`, the services of the embedded AWS (`World.publish`) and S3 put events here.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from millrace.local.events import measures
from millrace.local.events.delivery import Deliverer, Delivery, retry_policy
from millrace.local.events.rules import Rule, Rules
from millrace.local.events.targets import SESSION, Target, Undeliverable, send
from millrace.local.events.timer import Timer
from millrace.local.events.transform import Origin, target_input
from millrace.local.iam.services import EVENT_RULE, as_client_error, assume
from millrace.local.service import ServiceError
from millrace.local.world import World

log = logging.getLogger("millrace.events")
# An event that came from another bus is not forwarded once more.
MOST_HOPS = 1


def utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Bus:
    """All buses of all accounts; `publish` returns at once, delivery follows on other threads."""

    def __init__(self, world: World, timer: Timer) -> None:
        self._world = world
        self.rules = Rules(world)
        self.deliverer = Deliverer(world, timer, self._send)

    def publish(
        self,
        *,
        account: str,
        region: str,
        source: str,
        detail_type: str,
        detail: dict[str, Any],
        resources: Sequence[str] = (),
        time: datetime | None = None,
        bus: str = "default",
    ) -> str:
        """Put an event onto a bus; returns its id."""
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": account,
            "time": utc_text(time or self._world.clock.datetime()),
            "region": region,
            "resources": list(resources),
            "detail": detail,
        }
        self._accept(account, region, bus, event, hops=0)
        return str(event["id"])

    def _accept(self, account: str, region: str, bus: str, event: dict[str, Any], *, hops: int) -> None:
        # What callers do with their dicts afterwards must not reach the event.
        frozen = json.loads(json.dumps(event, default=str))
        self.deliverer.run(lambda: self._route(account, region, bus, frozen, hops))

    def _route(self, account: str, region: str, bus: str, event: dict[str, Any], hops: int) -> None:
        for rule in self.rules.of(account, region, bus):
            if rule.enabled and rule.pattern is not None and rule.pattern.matches(event):
                self.deliver(rule, event, hops=hops)

    def deliver(self, rule: Rule, event: dict[str, Any], *, hops: int = 0) -> None:
        """Send an event to every target of a rule."""
        measures.matched(self._world, rule)
        origin = Origin(rule.arn, rule.name, utc_text(self._world.clock.datetime()))
        for target in rule.targets:
            text = target_input(target, event, origin)
            self.deliverer.submit(
                Delivery(
                    account=rule.account,
                    region=rule.region,
                    origin={"RULE_ARN": rule.arn},
                    target=Target(target["Arn"], target.get("RoleArn"), target),
                    make_input=_constant(text),
                    event=event,
                    created=self._world.clock.now(),
                    hops=hops,
                    **retry_policy(target),
                )
            )

    def _send(self, delivery: Delivery, text: str) -> None:
        target = delivery.target
        if target.service == "events" and "RULE_ARN" in delivery.origin:
            self._forward(delivery)
        else:
            send(self._world, target, delivery.parcel(text))

    def _forward(self, delivery: Delivery) -> None:
        """Hand the event itself, with its id and account, to another bus."""
        parts = delivery.target.arn.split(":")
        kind, _, name = delivery.target.resource.partition("/")
        if kind != "event-bus":
            raise Undeliverable(f"the embedded AWS has no target of this kind: {delivery.target.arn}")
        if delivery.hops >= MOST_HOPS:
            raise Undeliverable(f"an event from another bus is not forwarded to {delivery.target.arn}")
        if not delivery.target.role:
            raise Undeliverable(f"a rule needs a RoleArn to send events to another bus, {delivery.target.arn}")
        self._world.aws.own_client("events", account=parts[4], region=parts[3]).describe_event_bus(Name=name)
        self._may_put(delivery)
        self._accept(parts[4], parts[3], name, delivery.event, hops=delivery.hops + 1)

    def _may_put(self, delivery: Delivery) -> None:
        """The rule's role needs events:PutEvents on the bus, and of another account's bus its policy's consent."""
        target, rule = delivery.target, delivery.origin["RULE_ARN"]
        assert target.role is not None
        role = assume(self._world, EVENT_RULE, target.role, on=rule, region=delivery.region, session=SESSION)
        context = {"events:source": delivery.event["source"], "events:detail-type": delivery.event["detail-type"]}
        try:
            self._world.iam.require(role.principal, "events:PutEvents", target.arn, because=rule, context=context)
        except ServiceError as error:
            raise as_client_error(error, "PutEvents") from error


def _constant(text: str) -> Callable[[int], str]:
    return lambda _attempt: text
