"""Application Auto Scaling of endpoint variants: what is refused, and target tracking by the published metrics."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deployment_lab import DeploymentLab
from tests.local.gate_lab import Lab, allow, deny
from tests.sagemaker_lab import until

MINUTE = 60
NAMED = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}


@pytest.fixture(scope="module")
def lab(deployments: DeploymentLab) -> DeploymentLab:
    return deployments


@pytest.fixture(scope="module")
def config(lab: DeploymentLab) -> str:
    return lab.config("scaled")


class Scaled:
    """An endpoint of one instance that may have up to three."""

    def __init__(self, lab: DeploymentLab, config: str) -> None:
        self.lab, self.name = lab, lab.serve(config)
        self.api = lab.embedded.client("application-autoscaling")
        self.variant = {**NAMED, "ResourceId": f"endpoint/{self.name}/variant/AllTraffic"}

    def register(self, least: int = 1, most: int = 3, **more: Any) -> None:
        self.api.register_scalable_target(**self.variant, MinCapacity=least, MaxCapacity=most, **more)

    def track(self, target: float, **more: Any) -> dict[str, Any]:
        metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
        return dict(
            self.api.put_scaling_policy(
                **self.variant,
                PolicyName="track",
                PolicyType="TargetTrackingScaling",
                TargetTrackingScalingPolicyConfiguration={
                    "TargetValue": target,
                    "PredefinedMetricSpecification": metric,
                    **more,
                },
            )
        )

    @property
    def count(self) -> int:
        [variant] = self.lab.describe(self.name)["ProductionVariants"]
        return int(variant["CurrentInstanceCount"])

    def becomes(self, count: int) -> None:
        until(lambda: self.count, lambda found: found == count)
        assert self.lab.settled(self.name)["EndpointStatus"] == "InService"

    def minute(self, requests: int) -> None:
        """Requests in this minute, then the next one begins."""
        self.lab.share(self.name, requests)
        self.lab.advance(MINUTE)

    def activities(self) -> list[str]:
        found = self.api.describe_scaling_activities(
            ServiceNamespace="sagemaker", ResourceId=self.variant["ResourceId"]
        )
        return [each["Description"] for each in found["ScalingActivities"]]


@pytest.fixture
def scaled(lab: DeploymentLab, config: str) -> Scaled:
    return Scaled(lab, config)


def test_an_account_without_the_linked_role_needs_someone_who_may_make_it(lab: DeploymentLab, scaled: Scaled) -> None:
    """The first test of its server: whoever registers the first target makes the role."""
    gate, right = Lab(lab.embedded), "iam:CreateServiceLinkedRole"
    unable = gate.as_role("application-autoscaling", allow("*"), deny(right))
    for _ in range(2):
        with pytest.raises(ClientError, match=right):
            unable.register_scalable_target(**scaled.variant, MinCapacity=1, MaxCapacity=2)
    scaled.register()
    unable.register_scalable_target(**scaled.variant, MinCapacity=1, MaxCapacity=2)


def test_three_busy_minutes_scale_out_and_fifteen_quiet_ones_scale_in(lab: DeploymentLab, scaled: Scaled) -> None:
    scaled.register()
    scaled.track(5.0)
    lab.alarms.early()
    for _ in range(2):
        scaled.minute(9)
    assert scaled.count == 1
    scaled.minute(9)
    scaled.becomes(2)
    assert scaled.activities() == ["Setting desired instance count to 2."]
    lab.advance(20 * MINUTE)
    scaled.becomes(1)
    assert scaled.activities()[0] == "Setting desired instance count to 1."


def test_cooldowns_and_limits_hold_scaling_back(lab: DeploymentLab, scaled: Scaled) -> None:
    scaled.register(most=2)
    low = scaled.track(1.0, ScaleOutCooldown=3600, DisableScaleIn=True)["Alarms"][1]["AlarmName"]
    lab.alarms.early()
    for _ in range(3):
        scaled.minute(6)
    scaled.becomes(2)
    scaled.register(most=3)
    for _ in range(4):
        scaled.minute(12)
    lab.advance(20 * MINUTE)
    lab.alarms.becomes(low, "ALARM")
    lab.advance(MINUTE)
    assert scaled.count == 2
    assert scaled.activities() == ["Setting desired instance count to 2."]


def test_a_target_is_brought_within_its_limits(lab: DeploymentLab, scaled: Scaled) -> None:
    scaled.register(least=2)
    lab.advance(MINUTE)
    scaled.becomes(2)


def test_a_scaled_variant_must_stay_as_it_is_in_an_update(lab: DeploymentLab, config: str, scaled: Scaled) -> None:
    scaled.register()
    variant = {"VariantName": "AllTraffic", "ModelName": config, "InitialInstanceCount": 1}
    larger = f"larger-{uuid.uuid4().hex[:6]}"
    lab.sagemaker.create_endpoint_config(
        EndpointConfigName=larger, ProductionVariants=[variant | {"InstanceType": "ml.m5.xlarge"}]
    )
    with pytest.raises(ClientError, match="must be deregistered as scalable targets"):
        lab.update(scaled.name, larger)
    scaled.api.deregister_scalable_target(**scaled.variant)
    lab.update(scaled.name, larger)
    assert lab.settled(scaled.name)["EndpointConfigName"] == larger


def test_what_is_registered_is_described_and_goes_with_its_alarms(lab: DeploymentLab, scaled: Scaled) -> None:
    scaled.register()
    alarms = [each["AlarmName"] for each in scaled.track(70.0)["Alarms"]]
    known = lab.alarms.api.describe_alarms(AlarmNames=alarms)["MetricAlarms"]
    assert sorted((each["EvaluationPeriods"], each["Threshold"]) for each in known) == [(3, 70.0), (15, 63.0)]
    of = {"ServiceNamespace": "sagemaker", "ResourceIds": [scaled.variant["ResourceId"]]}
    [target] = scaled.api.describe_scalable_targets(**of)["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 3)
    [policy] = scaled.api.describe_scaling_policies(
        ServiceNamespace="sagemaker", ResourceId=scaled.variant["ResourceId"]
    )["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 70.0
    scaled.api.deregister_scalable_target(**scaled.variant)
    assert lab.alarms.api.describe_alarms(AlarmNames=alarms)["MetricAlarms"] == []
    with pytest.raises(ClientError, match="No scalable target found"):
        scaled.api.deregister_scalable_target(**scaled.variant)


def test_what_aws_refuses_is_refused(lab: DeploymentLab, scaled: Scaled) -> None:
    register = scaled.api.register_scalable_target
    for resource, limits, message in (
        (f"endpoint/{scaled.name}/variant/Nobody", (1, 2), "No SageMaker endpoint variant found"),
        ("endpoint/nobody/variant/AllTraffic", (1, 2), "No SageMaker endpoint variant found"),
        (scaled.variant["ResourceId"], (3, 2), "cannot be less than minimum capacity"),
        ("service/cluster/name", (1, 2), "Unsupported service namespace, resource type or scalable dimension"),
    ):
        with pytest.raises(ClientError, match=message):
            register(**NAMED, ResourceId=resource, MinCapacity=limits[0], MaxCapacity=limits[1])
    with pytest.raises(ClientError, match="MinCapacity and MaxCapacity are required"):
        register(**scaled.variant, MinCapacity=1)
    with pytest.raises(ClientError, match=r"\(ObjectNotFoundException\).*No scalable target registered"):
        scaled.track(1.0)
    scaled.register()
    with pytest.raises(ClientError, match="TargetValue must be above 0"):
        scaled.track(0.0)
    with pytest.raises(ClientError, match="Exactly one of"):
        scaled.track(1.0, CustomizedMetricSpecification={})
    with pytest.raises(ClientError, match="does not have application-autoscaling:PutScheduledAction"):
        scaled.api.put_scheduled_action(**scaled.variant, ScheduledActionName="night", Schedule="rate(1 day)")


def test_callers_need_the_rights_of_the_services_behind_it(lab: DeploymentLab, scaled: Scaled) -> None:
    gate, everything = Lab(lab.embedded), allow("*")
    for right in ("sagemaker:UpdateEndpointWeightsAndCapacities", "sagemaker:DescribeEndpoint"):
        unable = gate.as_role("application-autoscaling", everything, deny(right))
        with pytest.raises(ClientError, match=right):
            unable.register_scalable_target(**scaled.variant, MinCapacity=1, MaxCapacity=2)
    scaled.register()
    watcher = gate.as_role("application-autoscaling", everything, deny("cloudwatch:PutMetricAlarm"))
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    with pytest.raises(ClientError, match="cloudwatch:PutMetricAlarm"):
        watcher.put_scaling_policy(
            **scaled.variant,
            PolicyName="track",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={"TargetValue": 1.0, "PredefinedMetricSpecification": metric},
        )
