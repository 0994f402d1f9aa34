"""Starting, stopping, retrying and interrupting executions, their quota and their events."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.iam_lab import allow, make_role
from tests.local.pipeline_bench import (
    Json,
    Workbench,
    callback,
    definition,
    fail,
    gate,
    parameter,
    receive,
    report_file,
    report_value,
    workbench,
    writes,
)


@pytest.fixture(scope="module")
def bench(embedded: Any) -> Workbench:
    return workbench(embedded)


@pytest.fixture
def queue(bench: Workbench) -> str:
    return str(bench.embedded.client("sqs").create_queue(QueueName=f"q-{uuid.uuid4().hex[:10]}")["QueueUrl"])


def test_a_stopped_execution_stops_its_jobs_and_starts_nothing_more(bench: Workbench) -> None:
    started = uuid.uuid4().hex
    name = bench.create(bench.waiting("Long", puts=started), bench.processing("After", "", DependsOn=["Long"]))
    arn = bench.start(name)
    bench.there(started)

    bench.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    ended = bench.ended(arn)

    assert ended["PipelineExecutionStatus"] == "Stopped"
    found = bench.steps(arn)
    assert {name: step["StepStatus"] for name, step in found.items()} == {"Long": "Stopped"}
    job = found["Long"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    described = bench.sagemaker.describe_processing_job(ProcessingJobName=job)
    assert described["ProcessingJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="cannot be stopped: it is Stopped"):
        bench.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)


def test_a_retry_repeats_what_failed_and_keeps_what_succeeded(bench: Workbench) -> None:
    key = f"flag-{uuid.uuid4().hex}"
    evaluate = bench.processing(
        "Evaluate", writes("report", "report.json", "'{\"a\": 1}'"), outputs=("report",), PropertyFiles=report_file()
    )
    flag = {"Std:JsonGet": {"S3Uri": f"s3://{bench.bucket}/{key}", "Path": "go"}}
    both = gate("Gate", report_value("a"), flag, [bench.processing("Last", "")], [])
    ended = bench.run(evaluate, both)
    arn = ended["PipelineExecutionArn"]
    assert key in bench.steps(arn)["Gate"]["FailureReason"]
    before = bench.steps(arn)["Evaluate"]

    bench.embedded.client("s3").put_object(Bucket=bench.bucket, Key=key, Body=b'{"go": 1}')
    bench.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)

    assert bench.ended(arn)["PipelineExecutionStatus"] == "Succeeded"
    found = bench.steps(arn)
    assert list(found) == ["Evaluate", "Gate", "Last"]
    assert found["Evaluate"] == before
    with pytest.raises(ClientError, match="cannot be retried: it is Succeeded"):
        bench.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)


def test_the_same_token_starts_one_execution(bench: Workbench) -> None:
    name = bench.create(fail("F", {"Get": "Parameters.M"}), parameters=[parameter("M", "String", DefaultValue="m")])
    token = uuid.uuid4().hex
    first = bench.start(name, ClientRequestToken=token)

    assert bench.start(name, ClientRequestToken=token) == first
    with pytest.raises(ClientError, match="ConflictException"):
        bench.start(name, ClientRequestToken=token, PipelineParameters=[{"Name": "M", "Value": "other"}])
    listed = bench.sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]
    assert [each["PipelineExecutionArn"] for each in listed] == [first]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Missing values for required parameters [Needed]"),
        ({"Needed": "x", "Nope": "1"}, "Unknown parameters [Nope]"),
        ({"Needed": "x", "Depth": "deep"}, "not of type Integer"),
        ({"Needed": "x", "Colour": "green"}, "allowed are [red, blue]"),
    ],
)
def test_wrong_parameters_are_refused_at_the_start(bench: Workbench, given: dict[str, str], said: str) -> None:
    declared = [
        parameter("Needed", "String"),
        parameter("Depth", "Integer", DefaultValue=1),
        parameter("Colour", "String", DefaultValue="red", EnumValues=["red", "blue"]),
    ]
    name = bench.create(fail("F"), parameters=declared)
    with pytest.raises(ClientError) as caught:
        bench.start(name, PipelineParameters=[{"Name": key, "Value": value} for key, value in given.items()])
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert said in caught.value.response["Error"]["Message"]


def test_every_change_of_a_status_becomes_an_event(bench: Workbench, queue: str) -> None:
    name = bench.create(gate("Gate", 1, 1, [], []))
    pipeline = bench.sagemaker.describe_pipeline(PipelineName=name)["PipelineArn"]
    events, sqs = bench.embedded.client("events"), bench.embedded.client("sqs")
    target = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = events.put_rule(
        Name=name, EventPattern=json.dumps({"source": ["aws.sagemaker"], "detail": {"pipelineArn": [pipeline]}})
    )["RuleArn"]
    may_send = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": target,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may_send]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": target}])

    arn = bench.start(name)
    seen = [receive(bench, queue) for _ in range(4)]

    details = {(each["detail-type"].split()[-3], status(each["detail"])) for each in seen}
    assert details == {
        ("Execution", (None, "Executing")),
        ("Execution", ("Executing", "Succeeded")),
        ("Step", (None, "Executing")),
        ("Step", ("Executing", "Succeeded")),
    }
    last = next(each for each in seen if status(each["detail"])[1] == "Succeeded" and "stepName" in each["detail"])
    assert last["resources"] == [pipeline, arn]
    assert last["detail"]["metadata"] == {"condition": {"outcome": "True"}}
    assert (last["detail"]["stepName"], last["detail"]["stepType"]) == ("Gate", "Condition")


def test_an_execution_that_ran_when_the_server_ended_has_failed(
    embedded_factory: Callable[..., Any],
) -> None:
    server = embedded_factory()
    bench = workbench(server)
    name = bench.create(bench.waiting("Long", puts="started", awaits="go"))
    arn = bench.start(name)
    bench.there("started")
    server.stop()

    again = Workbench(embedded_factory(server.folder), bench.bucket, bench.role)

    ended = again.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert "was stopped" in ended["FailureReason"]
    assert again.steps(arn)["Long"]["StepStatus"] == "Failed"
    again.embedded.client("s3").put_object(Bucket=again.bucket, Key="go", Body=b"")
    again.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
    assert again.ended(arn)["PipelineExecutionStatus"] == "Succeeded", again.reasons(arn)


def test_more_executions_at_once_than_the_accounts_quota_are_refused(embedded: Any) -> None:
    """In an account of its own: the quota counts every execution of account and region."""
    account = "777777777777"
    sagemaker, sqs = (embedded.client(service, account=account) for service in ("sagemaker", "sqs"))
    waits = sqs.create_queue(QueueName="quota")["QueueUrl"]
    iam = embedded.client("iam", account=account)
    role = make_role(iam, "quota", "sagemaker.amazonaws.com", may=[allow("sqs:SendMessage")])
    sagemaker.create_pipeline(PipelineName="quota", PipelineDefinition=definition(callback(waits)), RoleArn=role)

    arns = [sagemaker.start_pipeline_execution(PipelineName="quota")["PipelineExecutionArn"] for _ in range(20)]
    with pytest.raises(ClientError, match="ResourceLimitExceeded"):
        sagemaker.start_pipeline_execution(PipelineName="quota")

    with pytest.raises(ClientError, match="has running executions"):
        sagemaker.delete_pipeline(PipelineName="quota")
    for arn in arns:
        sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)


def status(detail: Json) -> tuple[str | None, str]:
    kind = "StepStatus" if "stepName" in detail else "PipelineExecutionStatus"
    return detail.get(f"previous{kind}"), detail[f"current{kind}"]
