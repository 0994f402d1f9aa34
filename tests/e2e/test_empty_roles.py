"""Each role in turn loses its policies: the path breaks where one expects, and the message tells what to add.

The tests go along the path, each leaving the state that the next one starts from; the last one walks it to its end.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import ARTIFACTS, MODEL, RAW, Deployed

PREFIX = "millrace-dev-"
STACK = "Dev-Serving-claims-fraud"
HOUR = 3600
QUIET_SECONDS = 2.0
Walk = Callable[[Deployed, Path], str]
NOTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Action": "sts:GetCallerIdentity", "Resource": "*"}],
}


@contextlib.contextmanager
def without_policies(deployed: Deployed, role: str) -> Iterator[None]:
    """The role with one policy that allows nothing, and its own ones back afterwards."""
    iam = deployed.client("iam")
    own = [p["PolicyArn"] for p in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]]
    empty = iam.create_policy(PolicyName=f"{role}-empty", PolicyDocument=json.dumps(NOTHING))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=role, PolicyArn=empty)
    for arn in own:
        iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    try:
        yield
    finally:
        for arn in own:
            iam.attach_role_policy(RoleName=role, PolicyArn=arn)
        iam.detach_role_policy(RoleName=role, PolicyArn=empty)
        iam.delete_policy(PolicyArn=empty)


def upload(deployed: Deployed, tables: Path) -> str:
    """New data: the mapping cannot read the queue, so nothing starts."""
    s3 = deployed.client("s3")
    for table in ("claims", "customers"):
        body = (tables / f"{table}.csv").read_bytes()
        s3.put_object(Bucket=RAW, Key=f"raw/{MODEL}/{table}/{table}.csv", Body=body)
    told = in_the_log(deployed, "start-pipeline", "sqs:ReceiveMessage")
    assert deployed.executions() == []
    return told


def an_hour_later(deployed: Deployed, _tables: Path) -> str:
    """The schedule fires, but its message does not reach the queue."""
    deployed.embedded.advance(HOUR)
    return in_the_log(deployed, "scheduler", "sqs:SendMessage")


def an_hour_of_batches(deployed: Deployed, _tables: Path) -> str:
    """The schedule of batch scoring fires, but its message does not reach the queue."""
    deployed.embedded.advance(HOUR)
    return in_the_log(deployed, "batch-scheduler", "sqs:SendMessage")


def a_batch(deployed: Deployed, _tables: Path) -> str:
    """A file to be scored: the mapping cannot read the queue, so nothing starts."""
    deployed.client("s3").put_object(Bucket=RAW, Key=f"batch/{MODEL}/rows.csv", Body=b"a,b\n1,2\n")
    told = in_the_log(deployed, "start-batch", "sqs:ReceiveMessage")
    deployed.client("sqs").purge_queue(QueueUrl=queue(deployed, "start-batch"))
    return told


def a_batch_run(deployed: Deployed, _tables: Path) -> str:
    """The batch pipeline starts, and cannot ask for the live model, or its job cannot pull the image."""
    arn = deployed.client("sagemaker").start_pipeline_execution(
        PipelineName=f"{MODEL}-batch",
        PipelineParameters=[{"Name": "InputUri", "Value": f"s3://{ARTIFACTS}/batch/{MODEL}/inputs/none/"}],
    )["PipelineExecutionArn"]
    assert deployed.finished(arn)["PipelineExecutionStatus"] == "Failed"
    return "\n".join(step.get("FailureReason", "") for step in deployed.steps(arn).values())


def a_run(deployed: Deployed, _tables: Path) -> str:
    """The run starts, and a step cannot create its job, or its job cannot pull the image."""
    before = len(deployed.executions())
    if before:
        start(deployed)
    else:
        deployed.embedded.advance(HOUR)
    newest = deployed.until("a run", lambda: deployed.executions()[: len(deployed.executions()) - before])[0]
    arn = newest["PipelineExecutionArn"]
    assert deployed.finished(arn)["PipelineExecutionStatus"] == "Failed"
    return "\n".join(step.get("FailureReason", "") for step in deployed.steps(arn).values())


def a_call(purpose: str, *, then: str) -> Walk:
    """The run starts, and a function that it calls can neither keep what it says nor do its work."""

    def walk(deployed: Deployed, tables: Path) -> str:
        assert f"is not authorized to perform: {then}" in a_run(deployed, tables)
        return in_the_log(deployed, purpose)

    return walk


def an_approval(deployed: Deployed, _tables: Path) -> str:
    """A version is approved, and the mapping cannot read the queue, so nothing is deployed."""
    approve(deployed)
    told = in_the_log(deployed, "deploy-model", "sqs:ReceiveMessage")
    # Left there, this approval would start a second update in the next case, as soon as the first is rolled back.
    deployed.client("sqs").purge_queue(QueueUrl=queue(deployed, "deploy-model"))
    return told


def a_test(deployed: Deployed, _tables: Path) -> str:
    """The mapping cannot read the queue, so no endpoint is tested."""
    return in_the_log(deployed, "smoke-test", "sqs:ReceiveMessage")


def a_rejection(deployed: Deployed, _tables: Path) -> str:
    """An account that has its bus is not told of it."""
    deployed.embedded.client("events", account="222222222222").create_event_bus(Name="millrace-staging-registry")
    decide(deployed, "Rejected")
    return in_the_log(deployed, "forward", "events:PutEvents")


def an_update(deployed: Deployed, _tables: Path) -> str:
    """The update of the serving stack starts, and is rolled back."""
    seen = {event["EventId"] for event in stack_events(deployed)}
    approve(deployed)

    def rolled_back() -> list[dict[str, Any]]:
        events = [event for event in stack_events(deployed) if event["EventId"] not in seen]
        return events if any(event["ResourceStatus"] == "UPDATE_ROLLBACK_COMPLETE" for event in events) else []

    events = deployed.until("the end of the update", rolled_back)
    failed = [event for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
    return "\n".join(event["ResourceStatusReason"] for event in failed)


BREAKS: dict[str, tuple[Walk, str]] = {
    "start-pipeline": (upload, "sqs:ReceiveMessage"),
    "scheduler": (an_hour_later, "sqs:SendMessage"),
    "pipeline": (a_run, "sagemaker:CreateProcessingJob"),
    "job": (a_run, "ecr:GetAuthorizationToken"),
    "resolve-champion": (a_call("resolve-champion", then="sagemaker:DescribeEndpoint"), "logs:"),
    "read-verdict": (a_call("read-verdict", then="s3:GetObject"), "logs:"),
    "deploy-model": (an_approval, "sqs:ReceiveMessage"),
    "smoke-test": (a_test, "sqs:ReceiveMessage"),
    "batch-scheduler": (an_hour_of_batches, "sqs:SendMessage"),
    "start-batch": (a_batch, "sqs:ReceiveMessage"),
    "batch-pipeline": (a_batch_run, "lambda:InvokeFunction"),
    "batch-job": (a_batch_run, "ecr:GetAuthorizationToken"),
    "serving-update": (an_update, "sagemaker:CreateModel"),
    "endpoint": (an_update, "ecr:GetAuthorizationToken"),
    "forward": (a_rejection, "events:PutEvents"),
}
"""What happens without each role's policies, in the order of the path, and the first action that is missed."""


def test_every_synthesized_role_is_in_the_loop(deployed: Deployed) -> None:
    roles = {role["RoleName"] for role in deployed.client("iam").list_roles()["Roles"]}
    assert {role.removeprefix(PREFIX) for role in roles if role.startswith(PREFIX)} == set(BREAKS)


@pytest.mark.parametrize("purpose", BREAKS)
def test_without_its_policies_the_path_breaks_where_one_expects(deployed: Deployed, tables: Path, purpose: str) -> None:
    walk, action = BREAKS[purpose]
    if walk is an_approval:
        finish_a_run(deployed)
    if walk is an_update:
        settle(deployed)
    with without_policies(deployed, PREFIX + purpose):
        told = walk(deployed, tables)
    assert f"assumed-role/{PREFIX}{purpose}/" in told
    assert f"is not authorized to perform: {action}" in told
    assert f'"Action": "{action}' in told


def test_with_all_policies_back_the_same_path_ends_in_service(deployed: Deployed) -> None:
    approve(deployed)
    deployed.until("the endpoint", lambda: endpoint_status(deployed) == "InService")


def settle(deployed: Deployed) -> None:
    """Wait until the case before has had its last effect: an update begun by it must not meet half the policies."""
    quiet_since: list[float] = []

    def quiet() -> bool:
        [stack] = deployed.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        if stack["StackStatus"].endswith("IN_PROGRESS") or waiting_approvals(deployed):
            quiet_since.clear()
            return False
        quiet_since.append(time.monotonic())
        return quiet_since[-1] - quiet_since[0] > QUIET_SECONDS

    deployed.until("the serving stack's rest", quiet)


def queue(deployed: Deployed, purpose: str) -> str:
    return str(deployed.client("sqs").get_queue_url(QueueName=f"{PREFIX}{purpose}")["QueueUrl"])


def waiting_approvals(deployed: Deployed) -> int:
    """Messages that the deploy Lambda has not worked off, the ones in its hands among them."""
    names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
    url = queue(deployed, "deploy-model")
    counts = deployed.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(count) for count in counts.values())


def start(deployed: Deployed) -> str:
    """A run on the inputs that the first one had; no cached step, no upload."""
    s3 = deployed.client("s3")
    found = s3.list_objects_v2(Bucket=ARTIFACTS, Prefix="inputs/")["Contents"]
    (manifest,) = [item["Key"] for item in found if item["Key"].endswith("/manifest.json")]
    uri = f"s3://{ARTIFACTS}/{manifest.removesuffix('/manifest.json')}"
    answer = deployed.client("sagemaker").start_pipeline_execution(
        PipelineName=MODEL, PipelineParameters=[{"Name": "InputUri", "Value": uri}]
    )
    return str(answer["PipelineExecutionArn"])


def finish_a_run(deployed: Deployed) -> None:
    described = deployed.finished(start(deployed))
    assert described["PipelineExecutionStatus"] == "Succeeded", described.get("FailureReason")


def approve(deployed: Deployed) -> None:
    decide(deployed, "Approved")


def decide(deployed: Deployed, status: str) -> None:
    sagemaker = deployed.client("sagemaker")
    (package,) = sagemaker.list_model_packages(ModelPackageGroupName=MODEL)["ModelPackageSummaryList"]
    sagemaker.update_model_package(ModelPackageArn=package["ModelPackageArn"], ModelApprovalStatus=status)


def stack_events(deployed: Deployed) -> list[dict[str, Any]]:
    pages = deployed.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=STACK)
    return [event for page in pages for event in page["StackEvents"]]


def endpoint_status(deployed: Deployed) -> str:
    try:
        return str(deployed.client("sagemaker").describe_endpoint(EndpointName=MODEL)["EndpointStatus"])
    except ClientError:
        return ""


def in_the_log(deployed: Deployed, purpose: str, action: str = "") -> str:
    """What the embedded AWS's own log says about a role's denial, for what has no API to show it.

    With an action it waits for that one: a function that was at work when it lost its policies misses others first.
    """
    role = f"assumed-role/{PREFIX}{purpose}/"

    def look() -> str:
        lines = (deployed.embedded.folder / "server.log").read_text().splitlines()
        denied = [line for line in lines if role in line and "not authorized" in line]
        return "\n".join(denied) if any(action in line for line in denied) else ""

    return str(deployed.until(f"a denial of {action or role}", look))
