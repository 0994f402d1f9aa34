"""What CloudFormation needs to update the serving stacks: exactly their resources, named after the models.

`deploy.py` gives it to the serving-update role, and `look_at_alarms` to the role of the endpoints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from settings import EndpointSettings
from settings.endpoint import endpoint_names
from stacks.endpoint_scaling import DIMENSION, NAMESPACE
from stacks.naming import Naming
from stacks.permissions import allow, encrypt_volumes, pass_role

SERVED_TYPES = (
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::SageMaker::Model",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::Endpoint",
    "AWS::CloudWatch::Alarm",
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
)
"""What an update may touch; the deploy function names the same ones."""
CHANGES = ("Create", "Delete", "Describe")
AUTOSCALING = "application-autoscaling"
SCALING = "sagemaker.application-autoscaling.amazonaws.com"
SCALING_ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"


def update_statements(
    stack: Stack,
    *,
    naming: Naming,
    endpoints: Mapping[str, EndpointSettings],
    packages: Sequence[str],
    endpoint_role_arn: str,
    key: kms.IKey,
) -> list[iam.PolicyStatement]:
    """`endpoints` by model; `packages` are the versions of the models, in whatever account they are registered."""
    rights = _Rights(stack, naming, [*endpoints])
    scaling = any(endpoint.scales for endpoint in endpoints.values())
    return [
        *rights.serving(packages, scales=scaling),
        rights.alarms(),
        look_at_alarms(stack),
        pass_role(endpoint_role_arn, to="sagemaker.amazonaws.com"),
        *encrypt_volumes(key),
        *(rights.scaling() if scaling else ()),
    ]


def look_at_alarms(stack: Stack) -> iam.PolicyStatement:
    """During an update SageMaker does it in the name of the endpoint's role; AWS asks for all alarms at once."""
    return allow("cloudwatch:DescribeAlarms", on=[_alarm(stack, "*")])


def scaling_changes() -> list[str]:
    changes = ("DeleteScalingPolicy", "DeregisterScalableTarget", "PutScalingPolicy", "RegisterScalableTarget")
    return [f"{AUTOSCALING}:{action}" for action in changes]


def scaling_looks() -> list[str]:
    """For these IAM knows no resources."""
    return [f"{AUTOSCALING}:{action}" for action in ("DescribeScalableTargets", "DescribeScalingPolicies")]


class _Rights:
    def __init__(self, stack: Stack, naming: Naming, models: Sequence[str]) -> None:
        self._stack, self._naming = stack, naming
        self._models, self._configs = (
            [self._arn(resource, f"{name}-*") for name in models] for resource in ("model", "endpoint-config")
        )
        # Of both kinds: until a change of kind is deployed the other one serves, and must be able to go back.
        self._names = [each for name in models for each in endpoint_names(name)]
        self._endpoints = [self._arn("endpoint", name) for name in self._names]

    def serving(self, packages: Sequence[str], *, scales: bool) -> list[iam.PolicyStatement]:
        """As few statements as can be, as a policy must not grow too large: each action knows one or two of the kinds.

        Versions stand apart: they are read and made models of, never tagged.
        """
        made = [f"{verb}{kind}" for kind in ("Model", "EndpointConfig", "Endpoint") for verb in CHANGES]
        others = ("AddTags", "ListTags", "UpdateEndpoint", *(["UpdateEndpointWeightsAndCapacities"] if scales else ()))
        return [
            allow(
                *(f"sagemaker:{action}" for action in (*made, *others) if action != "CreateModel"),
                on=[*self._models, *self._configs, *self._endpoints],
            ),
            allow("sagemaker:CreateModel", "sagemaker:DescribeModelPackage", on=[*self._models, *packages]),
        ]

    def alarms(self) -> iam.PolicyStatement:
        """Those of the serving stacks (`stacks/fleet_alarms.py`)."""
        return allow(
            *("cloudwatch:DeleteAlarms", "cloudwatch:ListTagsForResource", "cloudwatch:PutMetricAlarm"),
            on=[_alarm(self._stack, f"{self._naming.of('serving')}-*")],
        )

    def scaling(self) -> list[iam.PolicyStatement]:
        """Application Auto Scaling acts for whoever calls it: on the endpoint, and on the two alarms it scales by."""
        account = self._stack.account
        return [
            allow(
                *scaling_changes(),
                on=[self._stack.format_arn(service=AUTOSCALING, resource="scalable-target", resource_name="*")],
                when={
                    "StringEquals": {
                        f"{AUTOSCALING}:service-namespace": NAMESPACE,
                        f"{AUTOSCALING}:scalable-dimension": DIMENSION,
                    }
                },
            ),
            allow(*scaling_looks(), on=["*"]),
            allow(
                *("cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"),
                on=[_alarm(self._stack, f"TargetTracking-endpoint/{name}/*") for name in self._names],
            ),
            allow(
                "iam:CreateServiceLinkedRole",
                on=[f"arn:{self._stack.partition}:iam::{account}:role/aws-service-role/{SCALING}/{SCALING_ROLE}"],
                when={"StringEquals": {"iam:AWSServiceName": SCALING}},
            ),
        ]

    def _arn(self, resource: str, name: str) -> str:
        return self._stack.format_arn(service="sagemaker", resource=resource, resource_name=name)


def _alarm(stack: Stack, name: str) -> str:
    return stack.format_arn(
        service="cloudwatch", resource="alarm", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
