"""SageMaker's types: a definition as text or in S3, a registry with its policy, endpoints that must come up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.local.cloudformation_lab import ACCOUNT, REGION, Lab, refused

IMAGE = f"366743142698.dkr.ecr.{REGION}.amazonaws.com/sagemaker-xgboost:3.2-0"
IAM = {"Capabilities": ["CAPABILITY_IAM"]}
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}
            ],
        },
        "Policies": [
            {
                "PolicyName": "all",
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
                },
            }
        ],
    },
}


@pytest.fixture
def lab(embedded: Any) -> Lab:
    return Lab(embedded)


def definition(message: str) -> str:
    step = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": message}}
    return json.dumps({"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": [step]})


def pipeline(lab: Lab, given: dict[str, Any]) -> dict[str, Any]:
    properties = {
        "PipelineName": lab.name("pipeline"),
        "PipelineDefinition": given,
        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
        "Tags": [{"Key": "a", "Value": "b"}],
    }
    return {"Role": ROLE, "Pipeline": {"Type": "AWS::SageMaker::Pipeline", "Properties": properties}}


def test_a_pipeline_takes_its_definition_as_text_or_from_s3(lab: Lab) -> None:
    lab.create("pipe", pipeline(lab, {"PipelineDefinitionBody": definition("first")}), **IAM)
    api, name = lab.client("sagemaker"), lab.name("pipeline")
    assert "first" in api.describe_pipeline(PipelineName=name)["PipelineDefinition"]
    bucket = lab.name("definitions")
    lab.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    lab.client("s3").put_object(Bucket=bucket, Key="p.json", Body=definition("second").encode())
    place = {"PipelineDefinitionS3Location": {"Bucket": bucket, "Key": "p.json"}}
    ended = lab.update("pipe", pipeline(lab, place), **IAM)
    assert ended["StackStatus"] == "UPDATE_COMPLETE", lab.failures("pipe")
    assert "second" in api.describe_pipeline(PipelineName=name)["PipelineDefinition"]
    lab.delete("pipe")
    assert "not" in refused(api.describe_pipeline, PipelineName=name)


def test_a_model_package_group_has_its_policy(lab: Lab) -> None:
    def group(principal: str) -> dict[str, Any]:
        name = lab.name("group")
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "others",
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{principal}:root"},
                    "Action": "sagemaker:DescribeModelPackageGroup",
                    "Resource": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group/{name}",
                }
            ],
        }
        properties = {"ModelPackageGroupName": name, "ModelPackageGroupPolicy": policy}
        return {"Group": {"Type": "AWS::SageMaker::ModelPackageGroup", "Properties": properties}}

    lab.create("registry", group("444444444444"))
    assert lab.update("registry", group("555555555555"))["StackStatus"] == "UPDATE_COMPLETE", lab.failures("registry")
    found = lab.client("sagemaker").get_model_package_group_policy(ModelPackageGroupName=lab.name("group"))
    assert "555555555555" in found["ResourcePolicy"]
    assert lab.resources("registry")["Group"].endswith(f"model-package-group/{lab.name('group')}")
    lab.delete("registry")
    assert refused(lab.client("sagemaker").describe_model_package_group, ModelPackageGroupName=lab.name("group"))


def serving(lab: Lab, data: str) -> dict[str, Any]:
    variant = {
        "VariantName": "main",
        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
        "InitialVariantWeight": 1,
    }
    container = {"Image": IMAGE, "ModelDataUrl": data}
    return {
        "Role": ROLE,
        "Model": {
            "Type": "AWS::SageMaker::Model",
            "Properties": {"ExecutionRoleArn": {"Fn::GetAtt": ["Role", "Arn"]}, "PrimaryContainer": container},
        },
        "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}},
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {
                "EndpointName": lab.name("endpoint"),
                "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
            },
        },
    }


def test_an_endpoint_that_does_not_come_up_fails_its_stack_with_the_reason_and_is_deleted(lab: Lab) -> None:
    bucket = lab.name("models")
    lab.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    lab.client("s3").put_object(Bucket=bucket, Key="model.tar.gz", Body=b"this is no archive")
    ended = lab.create("serving", serving(lab, f"s3://{bucket}/model.tar.gz"), **IAM)
    assert ended["StackStatus"] == "ROLLBACK_COMPLETE", lab.failures("serving")
    reason = lab.reason("serving", "Endpoint", "CREATE_FAILED")
    assert f"Endpoint {lab.name('endpoint')} is Failed: " in reason
    assert refused(lab.client("sagemaker").describe_endpoint, EndpointName=lab.name("endpoint"))
    assert not lab.client("sagemaker").list_models(NameContains=lab.name("serving"))["Models"]
