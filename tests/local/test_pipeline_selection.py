"""Selective execution: chosen steps run, what they need of the others comes from a reference execution."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.pipeline_bench import (
    Json,
    Workbench,
    callback,
    fail,
    gate,
    parameter,
    report_file,
    report_value,
    workbench,
    writes,
)


@pytest.fixture(scope="module")
def bench(embedded: Any) -> Workbench:
    return workbench(embedded)


@pytest.fixture(scope="module")
def pipeline(bench: Workbench) -> str:
    evaluate = bench.processing(
        "Evaluate", writes("report", "report.json", "'{\"a\": 1}'"), outputs=("report",), PropertyFiles=report_file()
    )
    score = bench.processing("Score", "", environment={"A": report_value("a"), "N": {"Get": "Parameters.N"}})
    after = bench.processing("After", "", DependsOn=["Score"])
    branches = gate("Gate", report_value("a"), 1, [bench.processing("Good", "")], [fail("Bad")])
    n = parameter("N", "String", DefaultValue="1")
    return bench.create(bench.processing("Before", ""), evaluate, score, after, branches, parameters=[n])


@pytest.fixture(scope="module")
def reference(bench: Workbench, pipeline: str) -> str:
    arn = bench.start(pipeline)
    assert bench.ended(arn)["PipelineExecutionStatus"] == "Succeeded", bench.reasons(arn)
    return arn


def only(*steps: str, source: str | None = None) -> Json:
    config: Json = {"SelectedSteps": [{"StepName": step} for step in steps]}
    return {"SelectiveExecutionConfig": config | ({"SourcePipelineExecutionArn": source} if source else {})}


def refused(bench: Workbench, pipeline: str, **start: Any) -> str:
    with pytest.raises(ClientError) as caught:
        bench.start(pipeline, **start)
    return str(caught.value.response["Error"]["Message"])


def test_a_selected_step_uses_the_reference_executions_outputs(bench: Workbench, pipeline: str, reference: str) -> None:
    arn = bench.start(pipeline, **only("Score", "After", source=reference))
    ended = bench.ended(arn)
    steps = bench.steps(arn)

    assert ended["PipelineExecutionStatus"] == "Succeeded", bench.reasons(arn)
    assert ended["SelectiveExecutionConfig"]["SelectedSteps"] == [{"StepName": "Score"}, {"StepName": "After"}]
    assert set(steps) == {"Evaluate", "Score", "After"}
    assert steps["Evaluate"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": reference}
    assert steps["Evaluate"]["Metadata"] == bench.steps(reference)["Evaluate"]["Metadata"]
    assert "SelectiveExecutionResult" not in steps["Score"]


def test_steps_that_need_nothing_of_the_others_need_no_reference(bench: Workbench, pipeline: str) -> None:
    arn = bench.start(pipeline, **only("Before"))
    assert bench.ended(arn)["PipelineExecutionStatus"] == "Succeeded"
    assert set(bench.steps(arn)) == {"Before"}


def test_a_step_of_a_branch_runs_when_the_reference_took_that_branch(
    bench: Workbench, pipeline: str, reference: str
) -> None:
    arn = bench.start(pipeline, **only("Good", source=reference))
    assert bench.ended(arn)["PipelineExecutionStatus"] == "Succeeded", bench.reasons(arn)
    assert set(bench.steps(arn)) == {"Gate", "Good"}
    assert "the condition 'Gate' led elsewhere" in refused(bench, pipeline, **only("Bad", source=reference))


def test_a_selected_condition_runs_no_step_that_is_not_selected(
    bench: Workbench, pipeline: str, reference: str
) -> None:
    arn = bench.start(pipeline, **only("Gate", source=reference))
    assert bench.ended(arn)["PipelineExecutionStatus"] == "Succeeded", bench.reasons(arn)
    assert set(bench.steps(arn)) == {"Evaluate", "Gate"}


def test_a_selection_that_cannot_be_run_is_refused(bench: Workbench, pipeline: str, reference: str) -> None:
    assert "'Nope' is not in the pipeline" in refused(bench, pipeline, **only("Nope"))
    assert "depend on Evaluate" in refused(bench, pipeline, **only("Score"))
    between = refused(bench, pipeline, **only("Evaluate", "After", source=reference))
    assert "Score is not" in between
    assert "does not exist" in refused(bench, pipeline, **only("Score", source=reference[:-3] + "zzz"))


def test_a_reference_without_the_needed_result_or_not_ended_is_refused(bench: Workbench) -> None:
    queue = bench.embedded.client("sqs").create_queue(QueueName=f"{bench.bucket}-selection")["QueueUrl"]
    wait = callback(queue)
    after = bench.processing("After", "", environment={"S": {"Get": "Steps.Wait.OutputParameters['score']"}})
    name = bench.create(bench.processing("Broken", "sys.exit(1)\n"), wait, after)
    arn = bench.start(name)
    assert "is Executing" in refused(bench, name, **only("After", source=arn))
    bench.until(arn, lambda _: bench.steps(arn).get("Broken", {}).get("StepStatus") == "Failed")
    token = bench.steps(arn)["Wait"]["Metadata"]["Callback"]["CallbackToken"]
    bench.sagemaker.send_pipeline_execution_step_failure(CallbackToken=token, FailureReason="no")
    assert bench.ended(arn)["PipelineExecutionStatus"] == "Failed"

    assert "has no result of step 'Wait'" in refused(bench, name, **only("After", source=arn))


def test_a_selective_execution_is_retried_as_selective(bench: Workbench) -> None:
    flag = {"Std:JsonGet": {"S3Uri": f"s3://{bench.bucket}/selection-flag", "Path": "go"}}
    first = bench.processing("First", "")
    second = bench.processing("Second", "", environment={"GO": flag}, DependsOn=["First"])
    name = bench.create(first, second, bench.processing("Third", "", DependsOn=["Second"]))
    reference = bench.start(name)
    assert bench.ended(reference)["PipelineExecutionStatus"] == "Failed"
    arn = bench.start(name, **only("Second", source=reference))
    assert bench.ended(arn)["PipelineExecutionStatus"] == "Failed"
    bench.embedded.client("s3").put_object(Bucket=bench.bucket, Key="selection-flag", Body=b'{"go": "yes"}')
    bench.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)

    assert bench.ended(arn)["PipelineExecutionStatus"] == "Succeeded", bench.reasons(arn)
    assert set(bench.steps(arn)) == {"First", "Second"}
