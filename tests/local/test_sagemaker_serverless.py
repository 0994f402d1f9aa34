"""Serverless variants: they serve like others, have a limit of concurrent requests, and exclude what AWS lists."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.deployment_lab import canary, shifting
from tests.sagemaker_lab import INFERENCE, EndpointLab

SERVERLESS = {"MemorySizeInMB": 2048, "MaxConcurrency": 2}
CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://b/c",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}


@pytest.fixture(scope="session")
def lab(embedded: Any) -> EndpointLab:
    return EndpointLab(embedded)


def configure(lab: EndpointLab, model: str, *variants: dict[str, Any], **more: Any) -> str:
    name = f"serverless-{uuid.uuid4().hex[:6]}"
    each = variants or ({},)
    made = [{"VariantName": "v", "ModelName": model, "ServerlessConfig": SERVERLESS} | one for one in each]
    lab.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=made, **more)
    return name


@pytest.fixture(scope="session")
def model(lab: EndpointLab) -> str:
    """A model of the name of its configuration."""
    return lab.config("serverless")


def test_a_serverless_endpoint_serves_and_is_updated_all_at_once(lab: EndpointLab, model: str) -> None:
    name = lab.serve(configure(lab, model))
    assert lab.name_served(name) == "serverless"
    [variant] = lab.describe(name)["ProductionVariants"]
    assert variant["CurrentServerlessConfig"] == SERVERLESS
    assert "CurrentInstanceCount" not in variant
    with pytest.raises(ClientError, match="serverless: it has no instances to scale"):
        lab.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "v", "DesiredInstanceCount": 2}]
        )
    with pytest.raises(ClientError, match="CANARY is not available"):
        lab.sagemaker.update_endpoint(
            EndpointName=name, EndpointConfigName=configure(lab, model), DeploymentConfig=canary()
        )
    at_once = shifting({"Type": "ALL_AT_ONCE"}, wait=0, TerminationWaitInSeconds=0)
    other = configure(lab, lab.config("other"))
    lab.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=other, DeploymentConfig=at_once)
    assert lab.settled(name)["EndpointConfigName"] == other
    assert lab.name_served(name) == "other"


def test_an_endpoint_of_instances_cannot_become_serverless_but_the_other_way_it_goes(
    lab: EndpointLab, model: str
) -> None:
    name = lab.serve(model)
    with pytest.raises(ClientError, match="Cannot update an instance-based endpoint to a serverless endpoint"):
        lab.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=configure(lab, model))
    name = lab.serve(configure(lab, model))
    lab.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=model)
    assert lab.settled(name)["EndpointConfigName"] == model


def test_more_requests_at_once_than_allowed_are_throttled(lab: EndpointLab) -> None:
    slow = INFERENCE.replace("    seen =", "    import time; time.sleep(1.5)\n    seen =")
    config = lab.config("slow", lab.archive("slow", slow))
    name = lab.serve(configure(lab, config, {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}))
    once = lab.runtime.meta.config.merge(Config(retries={"total_max_attempts": 1}))
    runtime = boto3.session.Session("AKIA0LOC111111111111", "x", region_name="ap-northeast-2").client(
        "sagemaker-runtime", endpoint_url=lab.embedded.url, config=once
    )
    outcomes: list[str] = []

    def ask() -> None:
        try:
            runtime.invoke_endpoint(EndpointName=name, Body=b"x")
            outcomes.append("answered")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["ThrottlingException", "ThrottlingException", "answered"]


@pytest.mark.parametrize(
    ("variant", "more", "message"),
    [
        ({"ServerlessConfig": {"MemorySizeInMB": 1500, "MaxConcurrency": 1}}, {}, "multiple of 1024"),
        (
            {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1, "ProvisionedConcurrency": 2}},
            {},
            "ProvisionedConcurrency cannot be larger",
        ),
        ({"InstanceType": "ml.m5.large"}, {}, "only one of them can be"),
        ({"InitialInstanceCount": 1}, {}, "InitialInstanceCount cannot be given"),
        ({}, {"DataCaptureConfig": CAPTURE}, "DataCaptureConfig is not supported with a serverless variant"),
    ],
)
def test_what_serverless_excludes_is_refused(
    lab: EndpointLab, model: str, variant: dict[str, Any], more: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        configure(lab, model, variant, **more)


def test_serverless_takes_no_network_no_isolation_and_one_variant(lab: EndpointLab, model: str) -> None:
    vpc = {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    with pytest.raises(ClientError, match="VpcConfig of model"):
        configure(lab, lab.config("networked", VpcConfig=vpc))
    with pytest.raises(ClientError, match="EnableNetworkIsolation of model"):
        configure(lab, lab.config("isolated", EnableNetworkIsolation=True))
    with pytest.raises(ClientError, match="one production variant only"):
        configure(lab, model, {}, {"VariantName": "w"})


def test_what_endpoints_do_not_do_here_is_refused_by_name(lab: EndpointLab, model: str) -> None:
    variant = lab.sagemaker.describe_endpoint_config(EndpointConfigName=model)["ProductionVariants"][0]
    later = {"OutputConfig": {"S3OutputPath": "s3://answers/"}}

    with pytest.raises(ClientError, match="AsyncInferenceConfig is not available at endpoints of the embedded AWS"):
        lab.sagemaker.create_endpoint_config(
            EndpointConfigName="later", ProductionVariants=[variant], AsyncInferenceConfig=later
        )
