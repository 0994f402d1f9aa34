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

from botocore.exceptions import ClientError

from millrace.local.events.delivery import Deliverer, Delivery, retry_policy
from millrace.local.events.rules import Rule, Rules
from millrace.local.events.targets import Parcel, Target, Undeliverable, send
from millrace.local.events.timer import Timer
from millrace.local.events.transform import Origin, target_input
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
            send(self._world, target, Parcel(delivery.account, delivery.region, text, delivery.event))

    def _forward(self, delivery: Delivery) -> None:
        """Hand the event itself, with its id and account, to another bus."""
        parts = delivery.target.arn.split(":")
        kind, _, name = delivery.target.resource.partition("/")
        if kind != "event-bus":
            raise Undeliverable(f"the embedded AWS has no target of this kind: {delivery.target.arn}")
        if delivery.hops >= MOST_HOPS:
            raise Undeliverable(f"an event from another bus is not forwarded to {delivery.target.arn}")
        client = self._world.aws.client("events", account=parts[4], region=parts[3])
        policy = client.describe_event_bus(Name=name).get("Policy")
        if parts[4] != delivery.account and not allows_put_events(policy, delivery.account):
            refused = f"The policy of {delivery.target.arn} does not let {delivery.account} put events"
            raise ClientError(
                {
                    "Error": {"Code": "AccessDeniedException", "Message": refused},
                    "ResponseMetadata": {"HTTPStatusCode": 400},
                },
                "PutEvents",
            )
        self._accept(parts[4], parts[3], name, delivery.event, hops=delivery.hops + 1)


def _constant(text: str) -> Callable[[int], str]:
    return lambda _attempt: text


def allows_put_events(policy: str | None, account: str) -> bool:
    """Whether a bus's policy names the account; conditions are the business of IAM enforcement."""
    statements = json.loads(policy)["Statement"] if policy else []
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal")
        named = principal.get("AWS", []) if isinstance(principal, dict) else principal
        names = {named} if isinstance(named, str) else set(named or ())
        actions = statement.get("Action", [])
        allowed = {actions} if isinstance(actions, str) else set(actions)
        if (
            statement.get("Effect") == "Allow"
            and names & {"*", account, f"arn:aws:iam::{account}:root"}
            and allowed & {"events:PutEvents", "events:*", "*"}
        ):
            return True
    return False
