"""Endpoints work with their model's role, and with the rights of whoever deploys them for what is granted."""

from __future__ import annotations

import json
import uuid
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.iam_lab import EVERYTHING, allow, deny, document, make_role
from tests.sagemaker_lab import REGION, EndpointLab

ACCOUNT = "111111111111"


@pytest.fixture(scope="session")
def lab(embedded: Any) -> EndpointLab:
    return EndpointLab(embedded)


def role(lab: EndpointLab, *but: str, **conditions: Any) -> str:
    name = f"model-{uuid.uuid4().hex[:8]}"
    may = [EVERYTHING, *([deny(*but)] if but else [])]
    return make_role(lab.embedded.client("iam"), name, "sagemaker.amazonaws.com", may=may, **conditions)


def deploy(lab: EndpointLab, config: str, **settings: Any) -> dict[str, Any]:
    name = f"endpoint-{uuid.uuid4().hex[:6]}"
    lab.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config, **settings)
    return lab.settled(name)


@pytest.mark.parametrize("action", ["ecr:GetAuthorizationToken", "ecr:BatchGetImage"])
def test_an_endpoint_whose_role_may_not_pull_the_image_fails(lab: EndpointLab, action: str) -> None:
    arn = role(lab, action)
    found = deploy(lab, lab.config("image", ExecutionRoleArn=arn))

    assert found["EndpointStatus"] == "Failed"
    assert "make sure all images included in the model for the production variant" in found["FailureReason"]
    assert f"not authorized to perform: {action}" in found["FailureReason"]
    assert arn.rsplit("/", 1)[1] in found["FailureReason"]


def test_an_endpoint_in_a_network_needs_interfaces(lab: EndpointLab) -> None:
    vpc = {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    arn = role(lab, "ec2:CreateNetworkInterface")
    found = deploy(lab, lab.config("network", ExecutionRoleArn=arn, VpcConfig=vpc))
    assert "ec2:CreateNetworkInterface" in found["FailureReason"]


def test_a_deployment_with_alarms_needs_to_read_them(lab: EndpointLab) -> None:
    arn = role(lab, "cloudwatch:DescribeAlarms")
    config = lab.config("alarms", ExecutionRoleArn=arn)
    shifting = {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}
    guarded = {
        "BlueGreenUpdatePolicy": shifting,
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
    }
    found = deploy(lab, config, DeploymentConfig=guarded)
    assert found["EndpointStatus"] == "Failed"
    assert f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:errors" in found["FailureReason"]
    assert deploy(lab, config)["EndpointStatus"] == "InService"


def test_a_model_whose_role_may_not_read_its_data_is_refused(lab: EndpointLab) -> None:
    with pytest.raises(ClientError, match=r'Could not access model data .* "s3:GetObject"'):
        lab.config("data", ExecutionRoleArn=role(lab, "s3:GetObject"))


def test_a_model_without_log_rights_serves_and_loses_its_logs(lab: EndpointLab) -> None:
    found = deploy(lab, lab.config("silent", ExecutionRoleArn=role(lab, "logs:CreateLogGroup")))

    assert found["EndpointStatus"] == "InService"
    groups = lab.embedded.client("logs").describe_log_groups(
        logGroupNamePrefix=f"/aws/sagemaker/Endpoints/{found['EndpointName']}"
    )
    assert groups["logGroups"] == []


def test_hosting_names_no_endpoint_when_it_assumes_a_role(lab: EndpointLab) -> None:
    everything = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:*"
    assert lab.config("all", ExecutionRoleArn=role(lab, ArnLike={"aws:SourceArn": everything}))
    with pytest.raises(ClientError, match="Could not assume role"):
        lab.config("one", ExecutionRoleArn=role(lab, ArnLike={"aws:SourceArn": everything[:-1] + "model/*"}))


def test_whoever_deploys_a_configuration_with_a_key_needs_a_grant_for_the_volumes(lab: EndpointLab) -> None:
    key = lab.embedded.client("kms").create_key()["KeyMetadata"]["Arn"]
    model = lab.config("encrypted", ExecutionRoleArn=role(lab))
    variant = {"VariantName": "v", "ModelName": model, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    lab.sagemaker.create_endpoint_config(EndpointConfigName=f"{model}-key", ProductionVariants=[variant], KmsKeyId=key)
    unable, able = (deployer(lab, *rights) for rights in (["sagemaker:*"], ["sagemaker:*", "kms:CreateGrant"]))

    with pytest.raises(ClientError, match=r"not authorized to perform: kms:CreateGrant") as refusal:
        unable.create_endpoint(EndpointName=model, EndpointConfigName=f"{model}-key")
    assert key in str(refusal.value)
    able.create_endpoint(EndpointName=model, EndpointConfigName=f"{model}-key")
    assert lab.settled(model)["EndpointStatus"] == "InService"


def deployer(lab: EndpointLab, *actions: str) -> Any:
    """SageMaker as a user with these rights sees it."""
    iam, name = lab.embedded.client("iam"), f"deployer-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    policy = json.dumps(document(allow(*actions)))
    iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return boto3.client(
        "sagemaker",
        endpoint_url=lab.embedded.url,
        region_name=REGION,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
