"""AWS::DynamoDB::Table; time to live and point-in-time recovery are calls of their own."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from millrace.local.cloudformation.errors import ResourceError
from millrace.local.cloudformation.providers.base import Base, Context, Made, Properties, is_missing
from millrace.local.cloudformation.providers.coerce import call_input
from millrace.local.cloudformation.providers.iam import gone
from millrace.local.cloudformation.providers.tags import retag
from millrace.local.cloudformation.schema import changed

TABLE = {
    "AttributeDefinitions",
    "BillingMode",
    "DeletionProtectionEnabled",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "OnDemandThroughput",
    "ProvisionedThroughput",
    "SSESpecification",
    "StreamSpecification",
    "TableClass",
}
UPDATABLE = TABLE - {"GlobalSecondaryIndexes", "KeySchema", "LocalSecondaryIndexes"}
# What a property means that the template no longer has.
WITHOUT: dict[str, Any] = {
    "BillingMode": "PROVISIONED",
    "DeletionProtectionEnabled": False,
    "SSESpecification": {"SSEEnabled": False},
    "StreamSpecification": {"StreamEnabled": False},
    "TableClass": "STANDARD",
}
STABLE_SECONDS = 600.0


class Table(Base):
    """Ref is the table's name."""

    attributes = frozenset({"Arn", "StreamArn"})
    name_property = "TableName"
    handled = frozenset(TABLE | {"PointInTimeRecoverySpecification", "TableName", "Tags", "TimeToLiveSpecification"})

    def create(self, ctx: Context, properties: Properties) -> Made:
        dynamodb = ctx.client("dynamodb")
        values = _written({name: properties[name] for name in TABLE | {"Tags"} if name in properties})
        values["TableName"] = properties.get("TableName") or ctx.name(limit=255)
        table = dynamodb.create_table(**call_input(dynamodb, "create_table", values))["TableDescription"]
        return Made(table["TableName"], {"Arn": table["TableArn"], "StreamArn": table.get("LatestStreamArn")})

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        dynamodb, differing, who = ctx.client("dynamodb"), changed(old, new), {"TableName": made.physical_id}
        _wait_active(ctx, dynamodb, who)
        if old:
            made = self._alter(dynamodb, made, old, new, differing)
            _wait_active(ctx, dynamodb, who)
        if "TimeToLiveSpecification" in differing:
            ttl = {"TimeToLiveSpecification": new.get("TimeToLiveSpecification") or _ttl_off(old)}
            dynamodb.update_time_to_live(**call_input(dynamodb, "update_time_to_live", {**who, **ttl}))
        if "PointInTimeRecoverySpecification" in differing:
            recovery = new.get("PointInTimeRecoverySpecification", {"PointInTimeRecoveryEnabled": False})
            values = {**who, "PointInTimeRecoverySpecification": recovery}
            dynamodb.update_continuous_backups(**call_input(dynamodb, "update_continuous_backups", values))
        return made

    def _alter(self, dynamodb: Any, made: Made, old: Properties, new: Properties, differing: list[str]) -> Made:
        if {"GlobalSecondaryIndexes", "LocalSecondaryIndexes"} & set(differing):
            raise ResourceError("the embedded AWS cannot change the indexes of a table in place")
        wanted = {**WITHOUT, **new}
        values = _written({name: wanted[name] for name in UPDATABLE & set(differing) if name in wanted})
        if values:
            who = {"TableName": made.physical_id}
            table = dynamodb.update_table(**call_input(dynamodb, "update_table", {**values, **who}))["TableDescription"]
            made = made.adding(StreamArn=table.get("LatestStreamArn"))
        if "Tags" in differing:
            retag(dynamodb, old, new, ResourceArn=made.attributes["Arn"])
        return made

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        dynamodb = ctx.client("dynamodb")
        gone(dynamodb.delete_table, TableName=made.physical_id)
        ctx.wait(lambda: _status(dynamodb, made.physical_id) is None, what=made.physical_id, seconds=STABLE_SECONDS)


def _written(values: dict[str, Any]) -> dict[str, Any]:
    """SSEEnabled is called Enabled in the API; a stream's view type implies that it is on."""
    if "SSESpecification" in values:
        specification = dict(values["SSESpecification"])
        specification["Enabled"] = specification.pop("SSEEnabled")
        values["SSESpecification"] = specification
    if "StreamSpecification" in values:
        values["StreamSpecification"] = {"StreamEnabled": True, **values["StreamSpecification"]}
    return values


def _ttl_off(old: Properties) -> dict[str, Any]:
    return {**old["TimeToLiveSpecification"], "Enabled": False}


def _status(dynamodb: Any, table: str) -> str | None:
    try:
        return str(dynamodb.describe_table(TableName=table)["Table"]["TableStatus"])
    except ClientError as error:
        if is_missing(error):
            return None
        raise


def _wait_active(ctx: Context, dynamodb: Any, who: dict[str, str]) -> None:
    table = who["TableName"]
    ctx.wait(lambda: _status(dynamodb, table) == "ACTIVE", what=table, seconds=STABLE_SECONDS)


PROVIDERS = {"AWS::DynamoDB::Table": Table()}
