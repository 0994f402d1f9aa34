"""Model package groups, versions, approvals, models, tags: the SageMaker records that run nothing."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

IMAGE = "366743142698.dkr.ecr.ap-northeast-2.amazonaws.com/sagemaker-xgboost:3.2-0"
SPECIFICATION = {
    "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://somewhere/model.tar.gz"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["application/json"],
}


@pytest.fixture
def sagemaker(embedded: Any) -> Any:
    return embedded.client("sagemaker")


@pytest.fixture
def group(sagemaker: Any) -> str:
    name = f"group-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    return name


def register(sagemaker: Any, group: str, **more: Any) -> str:
    request = {"ModelPackageGroupName": group, "InferenceSpecification": SPECIFICATION} | more
    return str(sagemaker.create_model_package(**request)["ModelPackageArn"])


def test_versions_count_up_and_are_never_given_again(sagemaker: Any, group: str) -> None:
    first, second = register(sagemaker, group), register(sagemaker, group)
    assert first.endswith(f":model-package/{group}/1")
    assert second.endswith("/2")
    sagemaker.delete_model_package(ModelPackageName=second)
    assert register(sagemaker, group).endswith("/3")


def test_a_version_waits_for_approval_and_keeps_what_it_was_registered_with(sagemaker: Any, group: str) -> None:
    arn = register(sagemaker, group, CustomerMetadataProperties={"report": "s3://b/report.html"})
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert package["ModelPackageStatus"] == "Completed"
    assert package["ModelPackageVersion"] == 1
    assert package["InferenceSpecification"]["Containers"][0]["Image"] == IMAGE
    assert package["CustomerMetadataProperties"] == {"report": "s3://b/report.html"}
    assert package["CreatedBy"]["IamIdentity"]["Arn"]


def test_the_same_client_token_registers_once(sagemaker: Any, group: str) -> None:
    token = uuid.uuid4().hex
    assert register(sagemaker, group, ClientToken=token) == register(sagemaker, group, ClientToken=token)


def test_an_approval_changes_the_package_and_reaches_eventbridge(embedded: Any, sagemaker: Any, group: str) -> None:
    events, sqs = embedded.client("events"), embedded.client("sqs")
    url = sqs.create_queue(QueueName=group)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelPackageGroupName": [group], "ModelApprovalStatus": ["Approved"]},
    }
    events.put_rule(Name=group, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=group, Targets=[{"Id": "queue", "Arn": queue}])
    arn = register(sagemaker, group)
    sagemaker.update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription="good enough",
        CustomerMetadataProperties={"by": "anna", "old": "x"},
    )
    sagemaker.update_model_package(ModelPackageArn=arn, CustomerMetadataPropertiesToRemove=["old"])
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    assert package["ApprovalDescription"] == "good enough"
    assert package["CustomerMetadataProperties"] == {"by": "anna"}
    assert package["LastModifiedBy"]["IamIdentity"]["Arn"]
    event = json.loads(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"][0]["Body"])
    assert event["source"] == "aws.sagemaker"
    assert event["resources"] == [arn]
    assert event["detail"]["ModelPackageArn"] == arn
    changed = ["ApprovalDescription", "CustomerMetadataProperties", "ModelApprovalStatus"]
    assert event["detail"]["UpdatedModelPackageFields"] in (changed, ["CustomerMetadataProperties"])  # in any order
    assert event["detail"]["ModelPackageVersion"] == 1
    assert event["detail"]["ModelApprovalStatus"] == "Approved"
    assert event["detail"]["CreationTime"].endswith("Z")


def test_packages_are_listed_by_group_state_and_time(sagemaker: Any, group: str) -> None:
    first, second, third = (register(sagemaker, group) for _ in range(3))
    sagemaker.update_model_package(ModelPackageArn=second, ModelApprovalStatus="Approved")

    def listed(**filters: Any) -> list[str]:
        answer = sagemaker.list_model_packages(ModelPackageGroupName=group, **filters)
        return [each["ModelPackageArn"] for each in answer["ModelPackageSummaryList"]]

    assert listed(ModelApprovalStatus="Approved") == [second]
    assert listed(SortBy="CreationTime", SortOrder="Descending") == [third, second, first]
    assert listed(SortBy="CreationTime", SortOrder="Descending", MaxResults=1) == [third]
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, PaginationConfig={"PageSize": 2}
    )
    assert [each["ModelPackageArn"] for page in pages for each in page["ModelPackageSummaryList"]] == [
        first,
        second,
        third,
    ]


def test_batch_describe_tells_found_from_missing(sagemaker: Any, group: str) -> None:
    arn = register(sagemaker, group)
    missing = arn.removesuffix("/1") + "/9"
    answer = sagemaker.batch_describe_model_package(ModelPackageArnList=[arn, missing])
    assert list(answer["ModelPackageSummaries"]) == [arn]
    assert "does not exist" in answer["BatchDescribeModelPackageErrorMap"][missing]["ErrorResponse"]


def test_a_group_with_packages_cannot_be_deleted(sagemaker: Any, group: str) -> None:
    arn = register(sagemaker, group)
    with pytest.raises(ClientError, match="still contains"):
        sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    sagemaker.delete_model_package(ModelPackageName=arn)
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_model_package_group(ModelPackageGroupName=group)


def test_a_group_keeps_its_policy(sagemaker: Any, group: str) -> None:
    with pytest.raises(ClientError, match="Cannot find resource policy"):
        sagemaker.get_model_package_group_policy(ModelPackageGroupName=group)
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    sagemaker.put_model_package_group_policy(ModelPackageGroupName=group, ResourcePolicy=policy)
    assert sagemaker.get_model_package_group_policy(ModelPackageGroupName=group)["ResourcePolicy"] == policy
    sagemaker.delete_model_package_group_policy(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match="Cannot find resource policy"):
        sagemaker.get_model_package_group_policy(ModelPackageGroupName=group)


def test_accounts_and_regions_are_apart(embedded: Any, group: str) -> None:
    for client in (
        embedded.client("sagemaker", account="222222222222"),
        embedded.client("sagemaker", region="us-east-1"),
    ):
        with pytest.raises(ClientError, match="does not exist"):
            client.describe_model_package_group(ModelPackageGroupName=group)


def test_tags_of_a_resource_are_added_listed_and_removed(sagemaker: Any) -> None:
    name = f"tagged-{uuid.uuid4().hex[:8]}"
    arn = sagemaker.create_model_package_group(ModelPackageGroupName=name, Tags=[{"Key": "team", "Value": "fraud"}])[
        "ModelPackageGroupArn"
    ]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "dev"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "dev"}]


def test_a_name_is_taken_once(sagemaker: Any, group: str) -> None:
    with pytest.raises(ClientError, match="already exists"):
        sagemaker.create_model_package_group(ModelPackageGroupName=group)


def test_an_operation_that_is_not_there_is_refused(sagemaker: Any) -> None:
    with pytest.raises(ClientError, match="does not have sagemaker:ListDomains"):
        sagemaker.list_domains()


def test_an_endpoint_configuration_needs_its_model(sagemaker: Any) -> None:
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "nobody",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    with pytest.raises(ClientError, match="Could not find model"):
        sagemaker.create_endpoint_config(EndpointConfigName="lonely", ProductionVariants=[variant])
