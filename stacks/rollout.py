"""How an update of an endpoint moves its traffic, in SageMaker's words. `serving.py` writes it into the stack."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk.aws_sagemaker import CfnEndpoint

from settings import EndpointSettings
from settings.endpoint import ALL_AT_ONCE, CANARY, LINEAR
from settings.endpoint_rules import LONGEST_ROLLOUT, TO_START, waiting_seconds

TYPES = {ALL_AT_ONCE: "ALL_AT_ONCE", CANARY: "CANARY", LINEAR: "LINEAR"}
SIZES = {CANARY: "canary_size", LINEAR: "linear_step_size"}


def update_policy(endpoint: EndpointSettings) -> CfnEndpoint.BlueGreenUpdatePolicyProperty | None:
    """None for a serverless endpoint, whose updates SageMaker does in its own way.

    The old instances serve until the new ones do, and for `termination_wait_seconds` after that they stand by, while
    the alarms are still looked at.
    """
    if endpoint.is_serverless:
        return None
    share = CfnEndpoint.CapacitySizeProperty(type="CAPACITY_PERCENT", value=endpoint.rollout_percent)
    return CfnEndpoint.BlueGreenUpdatePolicyProperty(
        traffic_routing_configuration=CfnEndpoint.TrafficRoutingConfigProperty(
            type=TYPES[endpoint.rollout],
            wait_interval_in_seconds=endpoint.rollout_wait_seconds,
            **({SIZES[endpoint.rollout]: share} if endpoint.rollout in SIZES else {}),
        ),
        termination_wait_in_seconds=endpoint.termination_wait_seconds,
        maximum_execution_timeout_in_seconds=min(LONGEST_ROLLOUT, TO_START + waiting_seconds(endpoint)),
    )


def deployment(
    endpoint: EndpointSettings, alarms: Sequence[cloudwatch.CfnAlarm]
) -> CfnEndpoint.DeploymentConfigProperty | None:
    """With the alarms that take an update back."""
    policy = update_policy(endpoint)
    if policy is None:
        return None
    return CfnEndpoint.DeploymentConfigProperty(
        blue_green_update_policy=policy,
        auto_rollback_configuration=CfnEndpoint.AutoRollbackConfigProperty(
            alarms=[CfnEndpoint.AlarmProperty(alarm_name=alarm.ref) for alarm in alarms]
        ),
    )
