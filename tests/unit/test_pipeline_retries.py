"""Retry policies, alone and through a runner whose AWS throttles."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.iam.audit import AuditLog
from millrace.local.iam.gate import Gate
from millrace.local.sagemaker.pipelines.errors import DefinitionError
from millrace.local.sagemaker.pipelines.retries import (
    CAPACITY,
    DEFAULTS,
    JOB_FAULT,
    STEP_FAULT,
    THROTTLING,
    RetryPolicy,
    fault_of_call,
    fault_of_job,
    parse_retry_policy,
    policy_for,
)
from millrace.local.sagemaker.pipelines.service import PipelineOperations
from millrace.local.sagemaker.store import Store
from millrace.local.service import Caller
from millrace.local.world import World


@given(st.integers(1, 10), st.integers(0, 20))
def test_a_policy_allows_exactly_its_attempts(attempts: int, retries: int) -> None:
    policy = RetryPolicy((CAPACITY,), attempts=attempts)
    assert (policy_for([policy], CAPACITY, retries=retries, minutes=0) is policy) is (retries < attempts)


def test_pauses_grow_by_the_backoff_rate() -> None:
    policy = parse_retry_policy(
        {"ExceptionType": [CAPACITY], "IntervalSeconds": 5, "BackoffRate": 3, "ExpireAfterMin": 60}
    )
    assert [policy.pause(retries) for retries in range(3)] == [5, 15, 45]
    assert policy_for([policy], CAPACITY, retries=99, minutes=59) is policy
    assert policy_for([policy], CAPACITY, retries=0, minutes=60) is None


def test_the_first_policy_that_names_the_fault_decides() -> None:
    strict = RetryPolicy((THROTTLING,), attempts=1)
    assert policy_for([strict], THROTTLING, retries=1, minutes=0) is None
    assert policy_for([], THROTTLING, retries=1, minutes=0) is DEFAULTS[0]


def test_only_faults_of_the_service_are_retried() -> None:
    assert fault_of_call("ThrottlingException", 400) == THROTTLING
    assert fault_of_call("InternalFailure", 500) == STEP_FAULT
    assert fault_of_call("ValidationException", 400) is None
    assert fault_of_job("CapacityError: Unable to provision requested ML compute capacity") == CAPACITY
    assert fault_of_job("InternalServerError: We encountered an internal error") == JOB_FAULT
    assert fault_of_job("AlgorithmError: exit code 1") is None
    assert policy_for([], None, retries=0, minutes=0) is None


@pytest.mark.parametrize(
    "raw",
    [
        {"ExceptionType": [CAPACITY], "MaxAttempts": 1, "ExpireAfterMin": 1},
        {"ExceptionType": [CAPACITY], "MaxAttempts": 0},
        {"ExceptionType": [CAPACITY], "MaxAttempts": 1, "BackoffRate": 0},
        {"ExceptionType": CAPACITY, "MaxAttempts": 1},
    ],
)
def test_malformed_policies_are_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError):
        parse_retry_policy(raw)


class ThrottledSageMaker:
    """As much of a boto3 client as a Model step uses; CreateModel is throttled at first."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.meta = SimpleNamespace(
            method_to_api_mapping={"create_model": "CreateModel", "describe_model": "DescribeModel"}
        )

    def create_model(self, **request: Any) -> dict[str, Any]:
        if self.refusals:
            self.refusals -= 1
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "CreateModel")
        return {"ModelArn": f"arn:aws:sagemaker:r:1:model/{request['ModelName']}"}

    def describe_model(self, **request: Any) -> dict[str, Any]:
        return dict(request)


def run_model_step(folder: Path, refusals: int) -> dict[str, Any]:
    """Run one Model step whose policy allows two retries; answers the step as it is listed."""
    world = World(url="http://127.0.0.1:1", folder=folder)
    world.connect_events(lambda **event: "id")
    sagemaker = ThrottledSageMaker(refusals)
    world.iam = Gate(world.aws, AuditLog(folder), lambda arn: "", clock=world.clock, enforcing=False)
    world.aws.role_credentials = lambda *given, **more: {}  # type: ignore[method-assign]
    world.aws.role_client = lambda *given, **more: sagemaker  # type: ignore[method-assign]
    store = Store()
    operations = PipelineOperations(world, store).operations
    caller = Caller("111111111111", "ap-northeast-2", "key", "arn:aws:iam::111111111111:root")
    policy = {"ExceptionType": [THROTTLING], "IntervalSeconds": 60, "MaxAttempts": 2}
    step = {"Name": "M", "Type": "Model", "Arguments": {}, "RetryPolicies": [policy]}
    token = {"ClientRequestToken": "t" * 32}
    definition = json.dumps({"Version": "2020-12-01", "Steps": [step]})
    operations["CreatePipeline"](
        caller,
        {"PipelineName": "p", "PipelineDefinition": definition, "RoleArn": "arn:aws:iam::111111111111:role/r", **token},
    )
    arn = operations["StartPipelineExecution"](caller, {"PipelineName": "p", **token})["PipelineExecutionArn"]  # type: ignore[index]

    def status() -> str:
        world.clock.advance(3600)
        found = operations["DescribePipelineExecution"](caller, {"PipelineExecutionArn": arn}) or {}
        return str(found["PipelineExecutionStatus"])

    while status() == "Executing":
        world.stopping.wait(0.01)
    listed = operations["ListPipelineExecutionSteps"](caller, {"PipelineExecutionArn": arn})
    assert listed is not None
    found: dict[str, Any] = listed["PipelineExecutionSteps"][0]
    return found


def test_a_throttled_step_is_tried_again_until_it_succeeds(tmp_path: Path) -> None:
    step = run_model_step(tmp_path, refusals=2)
    assert (step["StepStatus"], step["AttemptCount"]) == ("Succeeded", 3)


def test_a_step_that_stays_throttled_fails_after_its_attempts(tmp_path: Path) -> None:
    step = run_model_step(tmp_path, refusals=99)
    assert (step["StepStatus"], step["AttemptCount"]) == ("Failed", 3)
    assert step["FailureReason"] == "ClientError: Failed to invoke sagemaker:CreateModel. Error Details: Rate exceeded"
