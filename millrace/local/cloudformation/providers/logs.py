"""AWS::Logs::LogGroup and MetricFilter."""

from __future__ import annotations

from typing import Any

from millrace.local.cloudformation.providers.api import Api
from millrace.local.cloudformation.providers.base import Base, Context, Made, Properties
from millrace.local.cloudformation.providers.coerce import call_input
from millrace.local.cloudformation.providers.iam import gone
from millrace.local.cloudformation.providers.tags import retag
from millrace.local.cloudformation.schema import changed

AT_CREATION = ("KmsKeyId", "LogGroupClass", "Tags")


class LogGroup(Base):
    """Ref is the group's name."""

    attributes = frozenset({"Arn"})
    name_property = "LogGroupName"
    handled = frozenset({"LogGroupName", "RetentionInDays", *AT_CREATION})

    def create(self, ctx: Context, properties: Properties) -> Made:
        logs = ctx.client("logs")
        name = properties.get("LogGroupName") or ctx.name(limit=512)
        values: dict[str, Any] = {key: properties[key] for key in AT_CREATION if key in properties}
        logs.create_log_group(**call_input(logs, "create_log_group", {**values, "LogGroupName": name}))
        return Made(name, {"Arn": ctx.arn("logs", f"log-group:{name}:*")})

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        logs, differing, group = ctx.client("logs"), changed(old, new), {"logGroupName": made.physical_id}
        if "RetentionInDays" in differing and "RetentionInDays" in new:
            logs.put_retention_policy(**group, retentionInDays=int(new["RetentionInDays"]))
        elif "RetentionInDays" in differing:
            logs.delete_retention_policy(**group)
        if old and "KmsKeyId" in differing:
            if "KmsKeyId" in new:
                logs.associate_kms_key(**group, kmsKeyId=new["KmsKeyId"])
            else:
                logs.disassociate_kms_key(**group)
        if old and "Tags" in differing:
            retag(logs, old, new, resourceArn=made.attributes["Arn"].removesuffix(":*"))
        return made

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        gone(ctx.client("logs").delete_log_group, logGroupName=made.physical_id)


def _with_dimension_map(values: dict[str, Any]) -> dict[str, Any]:
    """The API takes a transformation's dimensions as a map, the template as a list."""
    transformed = []
    for entry in values["MetricTransformations"]:
        dimensions = {item["Key"]: item["Value"] for item in entry.get("Dimensions", [])}
        transformed.append({**entry, "Dimensions": dimensions} if dimensions else entry)
    return {**values, "MetricTransformations": transformed}


PROVIDERS = {
    "AWS::Logs::LogGroup": LogGroup(),
    "AWS::Logs::MetricFilter": Api(
        "logs",
        "put_metric_filter",
        "put_metric_filter",
        "delete_metric_filter",
        name="FilterName",
        limit=512,
        prepare=_with_dimension_map,
    ),
}
