"""AWS::Events types: rules with their targets, buses and what others may put on them."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.cloudformation.errors import ResourceError
from millrace.local.cloudformation.providers.api import Api
from millrace.local.cloudformation.providers.base import Base, Context, Made, Properties, is_missing
from millrace.local.cloudformation.providers.coerce import call_input
from millrace.local.cloudformation.providers.iam import gone
from millrace.local.cloudformation.providers.tags import retag
from millrace.local.cloudformation.schema import changed

RULE = ("Description", "EventBusName", "EventPattern", "RoleArn", "ScheduleExpression", "State")


class Rule(Base):
    """Ref is the rule's name, on a bus of one's own `bus|name`."""

    attributes = frozenset({"Arn"})
    name_property = "Name"
    handled = frozenset({"Name", "Tags", "Targets", *RULE})

    def create(self, ctx: Context, properties: Properties) -> Made:
        name = properties.get("Name") or ctx.name(limit=64)
        events, bus = ctx.client("events"), _bus(properties)
        if _exists(events, name, bus):
            raise ResourceError(f"{name} already exists on event bus {bus.get('EventBusName', 'default')}")
        arn = self._put(events, name, properties, tags=properties.get("Tags"))
        ref = f"{properties['EventBusName']}|{name}" if properties.get("EventBusName", "default") != "default" else name
        return Made(ref, {"Arn": arn, "_name": name})

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        events, differing = ctx.client("events"), changed(old, new)
        name = made.attributes["_name"]
        if old and set(differing) & set(RULE):
            self._put(events, name, new)
        if "Targets" in differing:
            _set_targets(events, {"Rule": name, **_bus(new)}, old.get("Targets", []), new.get("Targets", []))
        if old and "Tags" in differing:
            retag(events, old, new, ResourceARN=made.attributes["Arn"])
        return made

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        events, name, bus = ctx.client("events"), made.attributes["_name"], _bus(properties)
        ids = [target["Id"] for target in properties.get("Targets", [])]
        if ids:
            gone(events.remove_targets, Rule=name, Ids=ids, **bus)
        gone(events.delete_rule, Name=name, **bus)

    def _put(self, events: Any, name: str, properties: Properties, tags: Any = None) -> str:
        values = {key: properties[key] for key in RULE if key in properties} | {"Name": name}
        if tags:
            values["Tags"] = tags
        return str(events.put_rule(**call_input(events, "put_rule", values))["RuleArn"])


def _bus(properties: Properties) -> dict[str, str]:
    return {"EventBusName": properties["EventBusName"]} if "EventBusName" in properties else {}


def _exists(events: Any, name: str, bus: dict[str, str]) -> bool:
    try:
        events.describe_rule(Name=name, **bus)
    except ClientError as error:
        if is_missing(error):
            return False
        raise
    return True


def _set_targets(events: Any, rule: dict[str, str], before: list[Any], after: list[Any]) -> None:
    obsolete = sorted({target["Id"] for target in before} - {target["Id"] for target in after})
    if obsolete:
        gone(events.remove_targets, Ids=obsolete, **rule)
    if not after:
        return
    answer = events.put_targets(**call_input(events, "put_targets", {**rule, "Targets": after}))
    if answer.get("FailedEntryCount"):
        failed = answer["FailedEntries"][0]
        raise ResourceError(f"target {failed.get('TargetId')}: {failed.get('ErrorMessage')}")


class EventBusPolicy(Base):
    """One statement of a bus's policy, given as a whole or as principal, action and condition."""

    handled = frozenset({"Action", "Condition", "EventBusName", "Principal", "Statement", "StatementId"})

    def create(self, ctx: Context, properties: Properties) -> Made:
        bus = properties.get("EventBusName", "default")
        return Made(f"{bus}|{properties['StatementId']}")

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        events = ctx.client("events")
        if "Statement" not in new:
            events.put_permission(**call_input(events, "put_permission", new))
            return made
        bus = new.get("EventBusName", "default")
        document = json.loads(events.describe_event_bus(Name=bus).get("Policy") or '{"Statement": []}')
        others = [one for one in document["Statement"] if one.get("Sid") != new["StatementId"]]
        statement = {"Sid": new["StatementId"], **new["Statement"]}
        policy = {"Version": "2012-10-17", "Statement": [*others, statement]}
        events.put_permission(EventBusName=bus, Policy=json.dumps(policy))
        return made

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        gone(ctx.client("events").remove_permission, StatementId=properties["StatementId"], **_bus(properties))


PROVIDERS = {
    "AWS::Events::Rule": Rule(),
    "AWS::Events::EventBusPolicy": EventBusPolicy(),
    "AWS::Events::EventBus": Api(
        "events",
        "create_event_bus",
        "update_event_bus",
        "delete_event_bus",
        name="Name",
        limit=256,
        gives={"Arn": "EventBusArn"},
        tagged={"ResourceARN": "Arn"},
    ),
}
