"""Deployment configurations that AWS refuses are refused before anything starts."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deployment_lab import canary, linear, shifting
from tests.sagemaker_lab import EndpointLab


@pytest.fixture(scope="session")
def lab(embedded: Any) -> EndpointLab:
    return EndpointLab(embedded)


@pytest.fixture(scope="session")
def pair(lab: EndpointLab) -> str:
    """A configuration of two instances."""
    return lab.config("pair", instances=2)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (canary(value=51), "less than or equal to 50%"),
        (canary(value=2, unit="INSTANCE_COUNT"), "less than or equal to 50%"),
        (linear(value=9), "must be 10-50%"),
        (linear(value=51), "must be 10-50%"),
        (shifting({"Type": "CANARY"}), "CanarySize is required"),
        (shifting({"Type": "ALL_AT_ONCE", "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}), "cannot be given"),
        (canary(MaximumExecutionTimeoutInSeconds=600, wait=500), r"must be larger than the total waiting time .*620"),
        ({"AutoRollbackConfiguration": {"Alarms": [{}]}}, "needs an AlarmName"),
        (
            {
                "RollingUpdatePolicy": {
                    "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1},
                    "WaitIntervalInSeconds": 0,
                }
            },
            "RollingUpdatePolicy is not available",
        ),
    ],
)
def test_a_configuration_that_aws_refuses_is_refused(
    lab: EndpointLab, pair: str, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=rf"\(ValidationException\).*{message}"):
        lab.sagemaker.create_endpoint(EndpointName="refused", EndpointConfigName=pair, DeploymentConfig=config)


def test_one_instance_is_too_few_for_a_canary_and_variants_keep_their_names(lab: EndpointLab, pair: str) -> None:
    served = lab.serve(pair)

    def update(name: str, config: str) -> None:
        lab.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config, DeploymentConfig=canary())

    with pytest.raises(ClientError, match=r"of the 1 instance\(s\) of variant AllTraffic"):
        update(served, lab.config("single"))
    model = lab.config("renamed")
    variant = {"VariantName": "Other", "ModelName": model, "InitialInstanceCount": 2, "InstanceType": "ml.m5.large"}
    lab.sagemaker.create_endpoint_config(EndpointConfigName=f"{model}-2", ProductionVariants=[variant])
    with pytest.raises(ClientError, match="variants of the same names"):
        update(served, f"{model}-2")
