"""Pipelines as resources: create, update, describe, list, delete."""

from __future__ import annotations

import json
import threading
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::111111111111:role/any"
Json = dict[str, Any]


def definition(message: str = "no", **more: Any) -> str:
    step = {"Name": "F", "Type": "Fail", "Arguments": {"ErrorMessage": message}}
    return json.dumps({"Version": "2020-12-01", "Steps": [step], **more})


@pytest.fixture
def sagemaker(embedded: Any) -> Any:
    return embedded.client("sagemaker")


@pytest.fixture
def name() -> str:
    return f"p-{uuid.uuid4().hex[:12]}"


def create(sagemaker: Any, name: str, **more: Any) -> str:
    given = {"PipelineName": name, "PipelineDefinition": definition(), "RoleArn": ROLE, **more}
    return str(sagemaker.create_pipeline(**given)["PipelineArn"])


def refusal(caught: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_pipeline_is_described_as_it_was_created(sagemaker: Any, name: str) -> None:
    parallel = {"MaxParallelExecutionSteps": 3}
    tags = [{"Key": "team", "Value": "claims"}]
    arn = create(sagemaker, name, PipelineDescription="d", ParallelismConfiguration=parallel, Tags=tags)

    found = sagemaker.describe_pipeline(PipelineName=name)
    assert arn == found["PipelineArn"] == f"arn:aws:sagemaker:ap-northeast-2:111111111111:pipeline/{name}"
    assert found["PipelineDefinition"] == definition()
    assert (found["PipelineStatus"], found["RoleArn"], found["PipelineDescription"]) == ("Active", ROLE, "d")
    assert found["ParallelismConfiguration"] == parallel
    assert found["CreatedBy"]["IamIdentity"]["Arn"] == "arn:aws:iam::111111111111:root"
    assert sagemaker.describe_pipeline(PipelineName=arn)["PipelineName"] == name
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags


def test_a_name_is_taken_once_but_the_same_request_may_come_again(sagemaker: Any, name: str) -> None:
    token = uuid.uuid4().hex
    arn = create(sagemaker, name, ClientRequestToken=token)

    assert create(sagemaker, name, ClientRequestToken=token) == arn
    with pytest.raises(ClientError) as caught:
        create(sagemaker, name)
    code, message = refusal(caught)
    assert code == "ValidationException"
    assert "already exists" in message


def test_a_broken_definition_is_refused_and_nothing_is_created(sagemaker: Any, name: str) -> None:
    with pytest.raises(ClientError) as caught:
        create(sagemaker, name, PipelineDefinition="{}")
    assert refusal(caught) == (
        "ValidationException",
        "Unable to parse pipeline definition. Unknown version None: it must be '2020-12-01'.",
    )
    with pytest.raises(ClientError, match="ResourceNotFound"):
        sagemaker.describe_pipeline(PipelineName=name)


def test_names_longer_than_the_service_takes_in_practice_are_refused(sagemaker: Any) -> None:
    with pytest.raises(ClientError, match="less than or equal to 82"):
        create(sagemaker, "x" * 83)


def test_a_definition_may_lie_in_s3(embedded: Any, sagemaker: Any, name: str) -> None:
    s3 = embedded.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    s3.put_object(Bucket=name, Key="definition.json", Body=definition("from S3").encode())
    place = {"Bucket": name, "ObjectKey": "definition.json"}
    sagemaker.create_pipeline(PipelineName=name, PipelineDefinitionS3Location=place, RoleArn=ROLE)

    assert sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"] == definition("from S3")
    with pytest.raises(ClientError, match="Unable to read the pipeline definition"):
        sagemaker.update_pipeline(PipelineName=name, PipelineDefinitionS3Location={**place, "ObjectKey": "none"})


def test_a_definition_is_needed_and_only_once(sagemaker: Any, name: str) -> None:
    with pytest.raises(ClientError, match="Either PipelineDefinition or"):
        sagemaker.create_pipeline(PipelineName=name, RoleArn=ROLE)
    with pytest.raises(ClientError, match="Only one of"):
        create(sagemaker, name, PipelineDefinitionS3Location={"Bucket": "bucket", "ObjectKey": "k"})


def test_an_update_makes_a_new_version_and_keeps_the_old(sagemaker: Any, name: str) -> None:
    create(sagemaker, name)
    answer = sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=definition("new"))

    assert answer["PipelineVersionId"] == 2
    assert sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"] == definition("new")
    old = sagemaker.describe_pipeline(PipelineName=name, PipelineVersionId=1)
    assert old["PipelineDefinition"] == definition()
    with pytest.raises(ClientError, match="has no version 3"):
        sagemaker.describe_pipeline(PipelineName=name, PipelineVersionId=3)


def test_an_execution_keeps_the_definition_it_started_with(sagemaker: Any, name: str) -> None:
    create(sagemaker, name)
    arn = sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
    sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=definition("new"))

    found = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    assert found["PipelineDefinition"] == definition()
    sagemaker.update_pipeline_execution(
        PipelineExecutionArn=arn, PipelineExecutionDisplayName="nightly", PipelineExecutionDescription="by hand"
    )
    described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    assert (described["PipelineExecutionDisplayName"], described["PipelineVersionId"]) == ("nightly", 1)


def test_a_pipeline_in_another_account_or_region_is_not_seen(embedded: Any, sagemaker: Any, name: str) -> None:
    create(sagemaker, name)
    for elsewhere in ({"account": "222222222222"}, {"region": "us-east-1"}):
        with pytest.raises(ClientError, match="ResourceNotFound"):
            embedded.client("sagemaker", **elsewhere).describe_pipeline(PipelineName=name)


def test_pipelines_are_listed_by_prefix_in_pages(sagemaker: Any, name: str) -> None:
    names = [f"{name}-{number}" for number in range(5)]
    for each in names:
        create(sagemaker, each)
    pages = sagemaker.get_paginator("list_pipelines").paginate(
        PipelineNamePrefix=name, SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    listed = [[each["PipelineName"] for each in page["PipelineSummaries"]] for page in pages]
    assert listed == [names[:2], names[2:4], names[4:]]


def test_deleting_a_pipeline_takes_its_ended_executions_along(sagemaker: Any, name: str) -> None:
    create(sagemaker, name)
    arn = sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
    pause = threading.Event()
    for _ in range(500):
        if sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Failed":
            break
        pause.wait(0.02)
    sagemaker.delete_pipeline(PipelineName=name)

    for call, given in (
        ("describe_pipeline", {"PipelineName": name}),
        ("list_pipeline_executions", {"PipelineName": name}),
        ("describe_pipeline_execution", {"PipelineExecutionArn": arn}),
    ):
        with pytest.raises(ClientError, match="ResourceNotFound"):
            getattr(sagemaker, call)(**given)


def test_what_the_embedded_aws_lacks_is_refused_by_name(sagemaker: Any, name: str) -> None:
    arn = create(sagemaker, name)
    with pytest.raises(ClientError, match="PipelineVersionAlias is not supported"):
        sagemaker.describe_pipeline(PipelineName=arn, PipelineVersionAlias="live")
    steps = [{"Name": "T", "Type": "AutoML", "Arguments": {}}]
    with pytest.raises(ClientError, match="step type AutoML is not supported by the embedded AWS yet"):
        sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=definition(Steps=steps))
