"""AWS::SageMaker types. An endpoint is ready when InService; a Failed one fails with its FailureReason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.cloudformation.errors import ResourceError
from millrace.local.cloudformation.providers.api import Api
from millrace.local.cloudformation.providers.base import Base, Context, Made, Properties, is_missing
from millrace.local.cloudformation.providers.coerce import call_input
from millrace.local.cloudformation.providers.iam import gone, text
from millrace.local.cloudformation.providers.tags import retag
from millrace.local.cloudformation.schema import changed

TAGS = ("add_tags", "delete_tags")
# A deployment may take eight hours, and its instances have to start before.
ENDPOINT_SECONDS = 10 * 3600.0
MOVING = ("Creating", "Updating", "SystemUpdating", "RollingBack")
S3_LOCATION = {"Bucket": "Bucket", "Key": "ObjectKey", "Version": "VersionId"}


def _definition(values: dict[str, Any]) -> dict[str, Any]:
    """PipelineDefinition holds the text itself or a place in S3; the API has a member for each."""
    given = values["PipelineDefinition"]
    given = given if isinstance(given, Mapping) else {"PipelineDefinitionBody": given}
    rest = {name: value for name, value in values.items() if name != "PipelineDefinition"}
    if "PipelineDefinitionBody" in given:
        return {**rest, "PipelineDefinition": given["PipelineDefinitionBody"]}
    location = given["PipelineDefinitionS3Location"]
    place = {S3_LOCATION[name]: value for name, value in location.items() if name in S3_LOCATION}
    return {**rest, "PipelineDefinitionS3Location": place}


def _endpoint(ctx: Context, name: str) -> dict[str, Any] | None:
    try:
        return dict(ctx.client("sagemaker").describe_endpoint(EndpointName=name))
    except ClientError as error:
        if is_missing(error):
            return None
        raise


def _in_service(ctx: Context, made: Made, properties: Properties) -> Made:
    name = made.attributes["EndpointName"]
    found: dict[str, Any] = {}

    def done() -> bool:
        found.update(_endpoint(ctx, name) or {"EndpointStatus": "Deleted"})
        return found["EndpointStatus"] not in MOVING

    ctx.wait(done, what=f"Endpoint {name}", seconds=ENDPOINT_SECONDS)
    wanted = properties["EndpointConfigName"]
    status, reason = found["EndpointStatus"], found.get("FailureReason", "no failure reason given")
    if status != "InService":
        raise ResourceError(f"Endpoint {name} is {status}: {reason}")
    if found["EndpointConfigName"] != wanted:
        # UpdateEndpoint rolls itself back: the endpoint then serves again, with the configuration it had.
        raise ResourceError(f"Endpoint {name} went back to {found['EndpointConfigName']}: {reason}")
    return made


def _deleted(ctx: Context, made: Made, properties: Properties) -> Made:
    name = made.attributes["EndpointName"]
    ctx.wait(lambda: _endpoint(ctx, name) is None, what=f"Endpoint {name}", seconds=ENDPOINT_SECONDS)
    return made


class Endpoint(Api):
    """Skips an update to the configuration that it serves already, as a rollback would ask for."""

    def update(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        name = made.attributes["EndpointName"]
        ctx.wait(lambda: not _moving(_endpoint(ctx, name)), what=f"Endpoint {name}", seconds=ENDPOINT_SECONDS)
        now = _endpoint(ctx, name) or {}
        if now.get("EndpointConfigName") == new["EndpointConfigName"] and now.get("EndpointStatus") == "InService":
            old = {**new, "Tags": old.get("Tags", [])}
        return super().update(ctx, made, old, new)


def _moving(endpoint: dict[str, Any] | None) -> bool:
    return endpoint is not None and endpoint["EndpointStatus"] in MOVING


class ModelPackageGroup(Base):
    """Ref is the group's ARN; the resource policy is a call of its own."""

    attributes = frozenset({"CreationTime", "ModelPackageGroupArn", "ModelPackageGroupStatus"})
    name_property = "ModelPackageGroupName"
    handled = frozenset({"ModelPackageGroupDescription", "ModelPackageGroupName", "ModelPackageGroupPolicy", "Tags"})

    def create(self, ctx: Context, properties: Properties) -> Made:
        client = ctx.client("sagemaker")
        values = {name: value for name, value in properties.items() if name != "ModelPackageGroupPolicy"}
        arn = client.create_model_package_group(**call_input(client, "create_model_package_group", values))
        group = client.describe_model_package_group(ModelPackageGroupName=properties["ModelPackageGroupName"])
        return Made(
            arn["ModelPackageGroupArn"],
            {
                "CreationTime": group["CreationTime"].isoformat(),
                "ModelPackageGroupArn": arn["ModelPackageGroupArn"],
                "ModelPackageGroupStatus": group["ModelPackageGroupStatus"],
            },
        )

    def apply(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        client, differing = ctx.client("sagemaker"), changed(old, new)
        group = {"ModelPackageGroupName": new["ModelPackageGroupName"]}
        if "ModelPackageGroupPolicy" in differing and "ModelPackageGroupPolicy" in new:
            client.put_model_package_group_policy(**group, ResourcePolicy=text(new["ModelPackageGroupPolicy"]))
        elif "ModelPackageGroupPolicy" in differing:
            gone(client.delete_model_package_group_policy, **group)
        if old and "Tags" in differing:
            retag(client, old, new, tag=TAGS[0], untag=TAGS[1], ResourceArn=made.physical_id)
        return made

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        delete = ctx.client("sagemaker").delete_model_package_group
        gone(delete, ModelPackageGroupName=properties["ModelPackageGroupName"])


PROVIDERS = {
    "AWS::SageMaker::Pipeline": Api(
        "sagemaker",
        "create_pipeline",
        "update_pipeline",
        "delete_pipeline",
        name="PipelineName",
        gives={"_arn": "PipelineArn"},
        ref="PipelineName",
        prepare=_definition,
        tagged={"ResourceArn": "_arn"},
        tag_calls=TAGS,
    ),
    "AWS::SageMaker::ModelPackageGroup": ModelPackageGroup(),
    "AWS::SageMaker::Model": Api(
        "sagemaker",
        "create_model",
        None,
        "delete_model",
        name="ModelName",
        limit=63,
        ref="ModelArn",
        gives={"ModelArn": "ModelArn"},
        tagged={"ResourceArn": "ModelArn"},
        tag_calls=TAGS,
    ),
    "AWS::SageMaker::EndpointConfig": Api(
        "sagemaker",
        "create_endpoint_config",
        None,
        "delete_endpoint_config",
        name="EndpointConfigName",
        limit=63,
        ref="EndpointConfigArn",
        gives={"EndpointConfigArn": "EndpointConfigArn"},
        tagged={"ResourceArn": "EndpointConfigArn"},
        tag_calls=TAGS,
    ),
    "AWS::SageMaker::Endpoint": Endpoint(
        "sagemaker",
        "create_endpoint",
        "update_endpoint",
        "delete_endpoint",
        name="EndpointName",
        limit=63,
        ref="EndpointArn",
        gives={"EndpointArn": "EndpointArn"},
        update_only=frozenset(
            {"ExcludeRetainedVariantProperties", "RetainAllVariantProperties", "RetainDeploymentConfig"}
        ),
        tagged={"ResourceArn": "EndpointArn"},
        tag_calls=TAGS,
        settle=_in_service,
        gone=_deleted,
    ),
}
