"""What the trigger reads of executions: the events of their ends, and executions found again by their names."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.pipeline_bench import Workbench, fail, gate, receive, workbench

RUN = f"{hashlib.sha256(b'manifest').hexdigest()}-1"


@pytest.fixture(scope="module")
def bench(embedded: Any) -> Workbench:
    return workbench(embedded)


@pytest.fixture
def queue(bench: Workbench) -> str:
    return str(bench.embedded.client("sqs").create_queue(QueueName=f"q-{uuid.uuid4().hex[:10]}")["QueueUrl"])


def ends_to(bench: Workbench, queue: str, pipeline: str) -> None:
    """The rule with which the trigger hears of a pipeline's ends."""
    events, sqs = bench.embedded.client("events"), bench.embedded.client("sqs")
    target = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Building Pipeline Execution Status Change"],
        "detail": {
            "pipelineArn": [bench.sagemaker.describe_pipeline(PipelineName=pipeline)["PipelineArn"]],
            "currentPipelineExecutionStatus": ["Succeeded", "Failed", "Stopped"],
        },
    }
    events.put_rule(Name=pipeline, EventPattern=json.dumps(pattern))
    may_send = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": target,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may_send]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    events.put_targets(Rule=pipeline, Targets=[{"Id": "q", "Arn": target}])


def test_the_end_of_an_execution_is_told_of_in_the_documented_form(bench: Workbench, queue: str) -> None:
    name = bench.create(gate("Gate", 1, 1, [], []))
    ends_to(bench, queue, name)
    arn = bench.start(name, PipelineExecutionDisplayName=RUN, PipelineExecutionDescription="upload")
    event = receive(bench, queue)
    pipeline = arn.partition("/execution/")[0]
    assert (event["source"], event["account"], event["region"]) == (
        "aws.sagemaker",
        arn.split(":")[4],
        "ap-northeast-2",
    )
    assert event["resources"] == [pipeline, arn]
    detail = event["detail"]
    assert detail.pop("executionStartTime") <= detail.pop("executionEndTime")
    assert detail == {
        "pipelineExecutionDisplayName": RUN,
        "pipelineExecutionDescription": "upload",
        "currentPipelineExecutionStatus": "Succeeded",
        "previousPipelineExecutionStatus": "Executing",
        "pipelineArn": pipeline,
        "pipelineExecutionArn": arn,
    }


def test_failed_and_stopped_executions_are_told_of_as_such(bench: Workbench, queue: str) -> None:
    failing = bench.create(fail("F"))
    ends_to(bench, queue, failing)
    bench.start(failing)
    assert ended(receive(bench, queue)) == ("Executing", "Failed")

    running = uuid.uuid4().hex
    waiting = bench.create(bench.waiting("Long", puts=running))
    ends_to(bench, queue, waiting)
    arn = bench.start(waiting)
    bench.there(running)
    bench.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert ended(receive(bench, queue)) == ("Stopping", "Stopped")


def ended(event: dict[str, Any]) -> tuple[str, str]:
    detail = event["detail"]
    return detail["previousPipelineExecutionStatus"], detail["currentPipelineExecutionStatus"]


def test_an_execution_is_found_again_by_its_display_name_and_its_token(bench: Workbench) -> None:
    name = bench.create(fail("F"))
    names = [f"{RUN[:64]}-{attempt}" for attempt in (1, 2, 3)]
    arns = [bench.start(name, PipelineExecutionDisplayName=each, ClientRequestToken=each) for each in names]
    assert [bench.start(name, PipelineExecutionDisplayName=each, ClientRequestToken=each) for each in names] == arns
    pages = bench.sagemaker.get_paginator("list_pipeline_executions").paginate(
        PipelineName=name, SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    found = [each for page in pages for each in page["PipelineExecutionSummaries"]]
    assert [each["PipelineExecutionDisplayName"] for each in found] == names
    assert [each["PipelineExecutionArn"] for each in found] == arns
    # The answer's times are rounded to milliseconds.
    before, after = (found[1]["StartTime"] + timedelta(milliseconds=each) for each in (-1, 1))
    for filters, expected in (({"CreatedAfter": after}, names[2:]), ({"CreatedBefore": before}, names[:1])):
        listed = bench.sagemaker.list_pipeline_executions(PipelineName=name, **filters)["PipelineExecutionSummaries"]
        assert [each["PipelineExecutionDisplayName"] for each in listed] == expected
    newest = bench.sagemaker.list_pipeline_executions(PipelineName=name, MaxResults=1)["PipelineExecutionSummaries"]
    assert newest[0]["PipelineExecutionDisplayName"] == names[2]


@pytest.mark.parametrize(
    "wrong",
    [
        {"PipelineExecutionDisplayName": "x" * 83},
        {"PipelineExecutionDisplayName": "under_score"},
        {"PipelineExecutionDisplayName": "-leading"},
        {"PipelineExecutionDisplayName": "trailing-"},
        {"ClientRequestToken": "x" * 129},
    ],
)
def test_names_and_tokens_outside_the_services_limits_are_refused(bench: Workbench, wrong: dict[str, str]) -> None:
    name = bench.create(fail("F"))
    with pytest.raises(ClientError) as caught:
        bench.start(name, **wrong)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert bench.sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"] == []


def test_an_execution_that_does_not_exist_is_refused_as_unknown(bench: Workbench) -> None:
    name = bench.create(fail("F"))
    arn = f"{bench.sagemaker.describe_pipeline(PipelineName=name)['PipelineArn']}/execution/000000000000"
    for call in (bench.sagemaker.describe_pipeline_execution, bench.sagemaker.stop_pipeline_execution):
        with pytest.raises(ClientError) as caught:
            call(PipelineExecutionArn=arn)
        assert caught.value.response["Error"]["Code"] == "ResourceNotFound"
