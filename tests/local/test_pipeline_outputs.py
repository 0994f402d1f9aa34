"""Lambda and Callback steps: what they are given, and the outputs they give to later steps."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.gate_lab import Lab, allow, denied
from tests.local.pipeline_bench import (
    Workbench,
    callback,
    execution_id,
    fail,
    gate,
    lambda_step,
    make_function,
    parameter,
    receive,
    workbench,
)


@pytest.fixture(scope="module")
def bench(embedded: Any) -> Workbench:
    return workbench(embedded)


@pytest.fixture
def queue(bench: Workbench) -> str:
    return str(bench.embedded.client("sqs").create_queue(QueueName=f"q-{uuid.uuid4().hex[:10]}")["QueueUrl"])


def test_a_lambda_steps_typed_outputs_reach_later_steps(bench: Workbench) -> None:
    arn = make_function(bench, "return {'double': event['n'] * 2, 'who': event['run'], 'extra': 1}")
    ask = lambda_step(arn, ("double", "Integer"), ("who", "String"), n={"Get": "Parameters.N"}, run=execution_id())
    double = {"Get": "Steps.Ask.OutputParameters['double']"}
    ended = bench.run(
        ask, gate("Gate", double, 10, [], [fail("F")]), parameters=[parameter("N", "Integer", DefaultValue=5)]
    )

    assert ended["PipelineExecutionStatus"] == "Succeeded", bench.reasons(ended["PipelineExecutionArn"])
    run = ended["PipelineExecutionArn"].rpartition("/")[2]
    assert bench.steps(ended["PipelineExecutionArn"])["Ask"]["Metadata"]["Lambda"] == {
        "Arn": arn,
        "OutputParameters": [{"Name": "double", "Value": "10"}, {"Name": "who", "Value": run}],
    }


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('broken on purpose')", "broken on purpose"),
        ("return {'other': 1}", "The output parameter 'x' of step 'Ask' is missing"),
        ("return {'x': 'many'}", "not of type Integer"),
        ("return [1]", "must answer a JSON object"),
    ],
)
def test_a_lambda_step_without_its_outputs_fails(bench: Workbench, body: str, said: str) -> None:
    ended = bench.run(lambda_step(make_function(bench, body), ("x", "Integer")))

    assert ended["PipelineExecutionStatus"] == "Failed"
    assert said in bench.steps(ended["PipelineExecutionArn"])["Ask"]["FailureReason"]


def test_a_callback_step_waits_for_its_token_and_takes_its_outputs(bench: Workbench, queue: str) -> None:
    score = {"Get": "Steps.Wait.OutputParameters['score']"}
    arn = bench.start(bench.create(callback(queue), gate("Gate", score, 0.5, [], [fail("F")])))
    message = receive(bench, queue)
    assert message["pipelineExecutionArn"] == arn
    assert message["arguments"] == {"run": arn.rpartition("/")[2]}
    assert bench.steps(arn)["Wait"]["StepStatus"] == "Executing"

    outputs = [{"Name": "score", "Value": "0.9"}]
    answer = bench.sagemaker.send_pipeline_execution_step_success(
        CallbackToken=message["token"], OutputParameters=outputs
    )

    assert answer["PipelineExecutionArn"] == arn
    assert bench.ended(arn)["PipelineExecutionStatus"] == "Succeeded"
    assert bench.steps(arn)["Wait"]["Metadata"]["Callback"]["OutputParameters"] == outputs
    with pytest.raises(ClientError, match="ResourceNotFound"):
        bench.sagemaker.send_pipeline_execution_step_success(CallbackToken=message["token"])


def test_whoever_answers_a_callback_step_needs_the_right_on_its_execution(bench: Workbench, queue: str) -> None:
    lab = Lab(bench.embedded)
    arn = bench.start(bench.create(callback(queue)))
    token = receive(bench, queue)["token"]
    succeed = "sagemaker:SendPipelineExecutionStepSuccess"

    for on in ("arn:aws:sagemaker:*:*:pipeline/another/execution/*", arn.rpartition("/execution/")[0]):
        answer = lab.as_role("sagemaker", allow(succeed, on=on)).send_pipeline_execution_step_success
        assert arn in denied(answer, CallbackToken=token)
    answer = lab.as_role("sagemaker", allow(succeed, on=arn)).send_pipeline_execution_step_success
    answer(CallbackToken=token, OutputParameters=[{"Name": "score", "Value": "0.9"}])

    assert bench.ended(arn)["PipelineExecutionStatus"] == "Succeeded"


def test_a_callback_step_fails_with_the_reason_it_is_sent(bench: Workbench, queue: str) -> None:
    arn = bench.start(bench.create(callback(queue)))
    bench.sagemaker.send_pipeline_execution_step_failure(
        CallbackToken=receive(bench, queue)["token"], FailureReason="nobody was there"
    )

    assert bench.ended(arn)["PipelineExecutionStatus"] == "Failed"
    assert bench.steps(arn)["Wait"]["FailureReason"] == "nobody was there"


def test_stopping_tells_the_callbacks_queue_and_waits_for_the_answer(bench: Workbench, queue: str) -> None:
    arn = bench.start(bench.create(callback(queue)))
    token = receive(bench, queue)["token"]
    bench.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)

    told = receive(bench, queue)
    assert (told["token"], told["status"]) == (token, "Stopping")
    described = bench.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    assert described["PipelineExecutionStatus"] == "Stopping"
    bench.sagemaker.send_pipeline_execution_step_failure(CallbackToken=token, FailureReason="cleaned up")
    assert bench.ended(arn)["PipelineExecutionStatus"] == "Stopped"
