"""Types that are a few declarative lines each: Scheduler, SSM, Application Auto Scaling."""

from __future__ import annotations

from typing import Any

from millrace.local.cloudformation.providers.api import Api


def _target_ref(values: dict[str, Any]) -> str:
    return "|".join(str(values[name]) for name in ("ResourceId", "ScalableDimension", "ServiceNamespace"))


def _split_target(values: dict[str, Any]) -> dict[str, Any]:
    """A scaling policy may name its target by the Ref of the ScalableTarget."""
    if "ScalingTargetId" not in values:
        return values
    resource, dimension, namespace = str(values["ScalingTargetId"]).split("|")
    rest = {name: value for name, value in values.items() if name != "ScalingTargetId"}
    return {**rest, "ResourceId": resource, "ScalableDimension": dimension, "ServiceNamespace": namespace}


PROVIDERS = {
    "AWS::Scheduler::Schedule": Api(
        "scheduler",
        "create_schedule",
        "update_schedule",
        "delete_schedule",
        name="Name",
        gives={"Arn": "ScheduleArn"},
    ),
    "AWS::Scheduler::ScheduleGroup": Api(
        "scheduler",
        "create_schedule_group",
        None,
        "delete_schedule_group",
        name="Name",
        gives={"Arn": "ScheduleGroupArn"},
        tagged={"ResourceArn": "Arn"},
    ),
    "AWS::SSM::Parameter": Api(
        "ssm",
        "put_parameter",
        "put_parameter",
        "delete_parameter",
        name="Name",
        limit=1011,
        echoes=("Type", "Value"),
        on_update={"Overwrite": True},
        tagged={"ResourceId": "Name"},
        tag_with={"ResourceType": "Parameter"},
        tag_calls=("add_tags_to_resource", "remove_tags_from_resource"),
    ),
    "AWS::ApplicationAutoScaling::ScalableTarget": Api(
        "application-autoscaling",
        "register_scalable_target",
        "register_scalable_target",
        "deregister_scalable_target",
        ref_of=_target_ref,
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": Api(
        "application-autoscaling",
        "put_scaling_policy",
        "put_scaling_policy",
        "delete_scaling_policy",
        gives={"Arn": "PolicyARN"},
        prepare=_split_target,
    ),
}
