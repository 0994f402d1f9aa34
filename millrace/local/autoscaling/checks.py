"""What Application Auto Scaling refuses, and which rights its callers need in the services behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from millrace.local.autoscaling.targets import DIMENSION, NAMESPACE
from millrace.local.sagemaker.kinds import ENDPOINT
from millrace.local.sagemaker.store import Place
from millrace.local.service import Caller, ServiceError
from millrace.local.serving.plan import VariantPlan
from millrace.local.world import World

RESOURCE = re.compile(r"endpoint/([a-zA-Z0-9-]{1,63})/variant/([a-zA-Z0-9-]{1,63})")
METRIC = "SageMakerVariantInvocationsPerInstance"
TRACKING = "TargetTrackingScaling"
LINKED = "sagemaker.application-autoscaling.amazonaws.com"
LINKED_ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
BURSTABLE = "ml.t2."
SCALE = ("sagemaker:DescribeEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities")
WATCH = ("cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms")
UNWATCH = ("cloudwatch:DeleteAlarms",)


def invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def names(params: Mapping[str, Any]) -> tuple[str, str]:
    """Endpoint and variant of a resource id; other services are not available here."""
    if params["ServiceNamespace"] != NAMESPACE:
        raise invalid(f"The embedded AWS scales {NAMESPACE} only, not {params['ServiceNamespace']}.")
    found = RESOURCE.fullmatch(params["ResourceId"])
    if not found or not str(params["ScalableDimension"]).startswith("sagemaker:variant:"):
        raise invalid("Unsupported service namespace, resource type or scalable dimension")
    if params["ScalableDimension"] != DIMENSION:
        raise invalid(f"The embedded AWS scales {DIMENSION} only, not {params['ScalableDimension']}.")
    return found[1], found[2]


def variant(plan: VariantPlan | None, resource: str) -> None:
    if plan is None:
        raise invalid(f"No SageMaker endpoint variant found: {resource}. It must exist and be InService.")
    if plan.serverless:
        raise invalid(f"{resource} is serverless: it has no instance count to scale.")
    if plan.instance_type.startswith(BURSTABLE):
        raise invalid(f"{resource} has burstable instances ({plan.instance_type}), which cannot be scaled.")


def limits(least: int | None, most: int | None) -> tuple[int, int]:
    if least is None or most is None:
        raise invalid("MinCapacity and MaxCapacity are required when a scalable target is registered.")
    if least < 0 or most < least:
        raise invalid(f"Maximum capacity cannot be less than minimum capacity, which is 0 or more: {least} to {most}.")
    if least == 0:
        raise invalid("MinCapacity 0 needs inference components: an endpoint variant keeps at least one instance.")
    return least, most


def policy(params: Mapping[str, Any]) -> dict[str, Any]:
    """The target tracking configuration of a PutScalingPolicy."""
    kind = params.get("PolicyType") or "StepScaling"
    if kind != TRACKING:
        raise invalid(f"PolicyType {kind} is not available in the embedded AWS: use {TRACKING}.")
    config: dict[str, Any] | None = params.get("TargetTrackingScalingPolicyConfiguration")
    if not config:
        raise invalid("TargetTrackingScalingPolicyConfiguration is required.")
    given = [each for each in ("PredefinedMetricSpecification", "CustomizedMetricSpecification") if each in config]
    if len(given) != 1:
        raise invalid("Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification is required.")
    if "CustomizedMetricSpecification" in config:
        raise invalid("CustomizedMetricSpecification is not available in the embedded AWS.")
    metric = config["PredefinedMetricSpecification"]["PredefinedMetricType"]
    if metric != METRIC:
        raise invalid(f"Predefined metric type {metric} is not available for endpoint variants, {METRIC} is.")
    if not config["TargetValue"] > 0:
        raise invalid(f"TargetValue must be above 0, it is {config['TargetValue']}.")
    if any(config.get(f"Scale{way}Cooldown", 0) < 0 for way in ("In", "Out")):
        raise invalid("Cooldowns cannot be negative.")
    return config


def may_scale(world: World, caller: Caller, endpoint: str, *, first: bool) -> None:
    """Callers need the rights of the target's service, and for an account's first target to make the linked role."""
    place = Place.of(caller)
    for action in SCALE:
        _require(world, caller, action, ENDPOINT.arn(place, endpoint), "RegisterScalableTarget")
    if first:
        role = f"arn:aws:iam::{caller.account}:role/aws-service-role/{LINKED}/{LINKED_ROLE}"
        context = {"iam:AWSServiceName": LINKED}
        _require(world, caller, "iam:CreateServiceLinkedRole", role, "RegisterScalableTarget", context)


def may_watch(world: World, caller: Caller, alarm: str, actions: tuple[str, ...], because: str) -> None:
    arn = f"arn:aws:cloudwatch:{caller.region}:{caller.account}:alarm:{alarm}"
    for action in actions:
        _require(world, caller, action, arn, because)


def _require(
    world: World, caller: Caller, action: str, arn: str, because: str, context: Mapping[str, str] | None = None
) -> None:
    try:
        world.iam.require(world.iam.identify(caller.access_key), action, arn, because=because, context=context)
    except ServiceError as error:
        raise ServiceError(
            "ValidationException", f"Caller lacks a right that {because} needs: {error.message}"
        ) from error
