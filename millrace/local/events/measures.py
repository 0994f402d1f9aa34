"""The metrics that EventBridge and EventBridge Scheduler publish of their deliveries; zeros are not published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from millrace.local.iam.services import SCHEDULE
from millrace.local.world import World

if TYPE_CHECKING:
    from millrace.local.events.delivery import Delivery
    from millrace.local.events.rules import Rule

RULES, SCHEDULES = "AWS/Events", "AWS/Scheduler"


def matched(world: World, rule: Rule) -> None:
    """An event, or its schedule, set off a rule."""
    values = {"MatchedEvents": (1.0, "Count"), "TriggeredRules": (1.0, "Count")}
    dimensions = [_rule(rule.arn), {}]
    world.metrics.publish(RULES, account=rule.account, region=rule.region, dimensions=dimensions, values=values)


def attempted(world: World, delivery: Delivery) -> None:
    """A target is about to be called."""
    retry = ("RetryInvocationAttempts",) if delivery.attempt > 1 else ()
    _count(world, delivery, ("InvocationAttempts", *retry), ("InvocationAttemptCount",))


def arrived(world: World, delivery: Delivery) -> None:
    _count(world, delivery, ("Invocations", "SuccessfulInvocationAttempts"), ())


def refused(world: World, delivery: Delivery, *, throttled: bool) -> None:
    """A target's error; there may be another attempt."""
    _count(world, delivery, (), ("TargetErrorCount", *(("TargetErrorThrottledCount",) if throttled else ())))


def gave_up(world: World, delivery: Delivery) -> None:
    _count(world, delivery, ("Invocations", "FailedInvocations"), ("InvocationDroppedCount",))


def buried(world: World, delivery: Delivery) -> None:
    """The dead-letter queue has it."""
    _count(world, delivery, ("InvocationsSentToDlq",), ("InvocationsSentToDeadLetterCount",))


def not_buried(world: World, delivery: Delivery) -> None:
    name = "InvocationsFailedToBeSentToDeadLetterCount"
    _count(world, delivery, ("InvocationsFailedToBeSentToDlq",), (name,))


def _count(world: World, delivery: Delivery, of_rule: tuple[str, ...], of_schedule: tuple[str, ...]) -> None:
    scheduled = delivery.deputy is SCHEDULE
    arn = delivery.sender
    own: Mapping[str, str] = {"ScheduleGroup": arn.rsplit("/", 2)[1]} if scheduled else _rule(arn)
    world.metrics.publish(
        SCHEDULES if scheduled else RULES,
        account=delivery.account,
        region=delivery.region,
        dimensions=[own, {}],
        values=dict.fromkeys(of_schedule if scheduled else of_rule, (1.0, "Count")),
    )


def _rule(arn: str) -> dict[str, str]:
    """By rule, on a bus of one's own by bus and rule: ...:rule/<bus>/<name>, the default bus has no name there."""
    *bus, name = arn.split(":rule/", 1)[1].split("/")
    return {"RuleName": name} | ({"EventBusName": bus[0]} if bus else {})
