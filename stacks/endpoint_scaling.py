"""How many instances an endpoint has while it serves: Application Auto Scaling follows the requests per instance."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnResource, Fn
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from settings import EndpointSettings

NAMESPACE, DIMENSION = "sagemaker", "sagemaker:variant:DesiredInstanceCount"
METRIC = "SageMakerVariantInvocationsPerInstance"
SCALE_OUT_SECONDS, SCALE_IN_SECONDS = 60, 300
"""More instances soon, fewer only when it has been quiet: a new one needs minutes to start."""


class EndpointScaling(Construct):
    """Between `instance_count` and `max_instance_count`; nothing if the settings ask for none.

    It waits for the endpoint, so CloudFormation registers the variant once there is one, and deregisters it before
    the endpoint goes. SageMaker refuses to change the type of instances that are registered.
    """

    def __init__(
        self, scope: Construct, id_: str, *, endpoint: EndpointSettings, served: sagemaker.CfnEndpoint, variant: str
    ) -> None:
        super().__init__(scope, id_)
        self.all: tuple[CfnResource, ...] = ()
        if not endpoint.scales:
            return
        target = autoscaling.CfnScalableTarget(
            self,
            "Target",
            service_namespace=NAMESPACE,
            scalable_dimension=DIMENSION,
            resource_id=Fn.join("/", ["endpoint", served.attr_endpoint_name, "variant", variant]),
            min_capacity=endpoint.instance_count,
            max_capacity=endpoint.max_instance_count,
        )
        target.add_resource_dependency(served)
        of = autoscaling.CfnScalingPolicy
        policy = of(
            self,
            "Policy",
            policy_name=f"{endpoint.kind}-follow-requests",
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.ref,
            target_tracking_scaling_policy_configuration=of.TargetTrackingScalingPolicyConfigurationProperty(
                target_value=endpoint.invocations_per_instance,
                predefined_metric_specification=of.PredefinedMetricSpecificationProperty(predefined_metric_type=METRIC),
                scale_out_cooldown=SCALE_OUT_SECONDS,
                scale_in_cooldown=SCALE_IN_SECONDS,
            ),
        )
        target.override_logical_id("ScalableTarget")
        policy.override_logical_id("ScalingPolicy")
        self.all = (target, policy)


def kept_on_update(endpoint: EndpointSettings) -> dict[str, Any]:
    """What an update must not set back: the number of instances that scaling has come to, and nothing else."""
    if not endpoint.scales:
        return {}
    others = [
        sagemaker.CfnEndpoint.VariantPropertyProperty(variant_property_type=name)
        for name in ("DesiredWeight", "DataCaptureConfig")
    ]
    return {"retain_all_variant_properties": True, "exclude_retained_variant_properties": others}
