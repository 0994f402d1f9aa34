"""Cached steps: what makes a hit, what makes a miss, and how a hit shows."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.local.pipeline_bench import (
    Json,
    Workbench,
    execution_id,
    parameter,
    report_file,
    report_value,
    training,
    workbench,
    writes,
)


@pytest.fixture(scope="module")
def bench(embedded: Any) -> Workbench:
    return workbench(embedded)


def cached(step: Json, expire: str = "PT1H") -> Json:
    return {**step, "CacheConfig": {"Enabled": True, "ExpireAfter": expire}}


def run(bench: Workbench, name: str, **parameters: str) -> tuple[str, Json]:
    """Run a pipeline to a good end; its ARN and its steps."""
    given = [{"Name": key, "Value": value} for key, value in parameters.items()]
    arn = bench.start(name, PipelineParameters=given)
    assert bench.ended(arn)["PipelineExecutionStatus"] == "Succeeded", bench.reasons(arn)
    return arn, bench.steps(arn)


def source(steps: Json, name: str) -> str | None:
    found: str | None = steps[name].get("CacheHitResult", {}).get("SourcePipelineExecutionArn")
    return found


def test_an_unchanged_rerun_takes_the_first_runs_result_and_says_so(bench: Workbench) -> None:
    step = cached(bench.processing("P", writes("o", "x", "'1'"), outputs=("o",)))
    name = bench.create(step)
    first, before = run(bench, name)
    _, after = run(bench, name)
    _, third = run(bench, name)

    assert source(before, "P") is None
    assert source(after, "P") == source(third, "P") == first
    assert after["P"]["StepStatus"] == "Succeeded"
    assert after["P"]["Metadata"] == before["P"]["Metadata"]


def test_what_a_hit_propagates_are_the_outputs_of_the_run_it_takes(bench: Workbench) -> None:
    """The first run's folder has its execution's id; a later step reads the property file there."""
    report = "'{\"a\": 1}'"
    make = cached(
        bench.processing(
            "Evaluate", writes("report", "report.json", report), outputs=("report",), PropertyFiles=report_file()
        )
    )
    place = {"Get": "Steps.Evaluate.ProcessingOutputConfig.Outputs['report'].S3Output.S3Uri"}
    show = bench.processing("Show", "", environment={"WHERE": place, "A": report_value("a")})
    name = bench.create(make, cached(show))
    first, _ = run(bench, name)
    _, after = run(bench, name)

    assert source(after, "Evaluate") == source(after, "Show") == first


def test_other_bytes_in_s3_are_a_hit_and_other_values_are_a_miss(bench: Workbench) -> None:
    """AWS's key is made of argument values: it never looks at objects."""
    key = f"data-{uuid.uuid4().hex}"
    uri = f"s3://{bench.bucket}/{key}"
    step = bench.processing("P", "", environment={"N": {"Get": "Parameters.N"}})
    source_of_data = {"S3Uri": uri, "LocalPath": "/opt/ml/processing/input/data", "S3DataType": "S3Prefix"}
    step["Arguments"]["ProcessingInputs"].append(
        {"InputName": "data", "S3Input": {**source_of_data, "S3InputMode": "File"}}
    )
    name = bench.create(cached(step), parameters=[parameter("N", "String", DefaultValue="1")])
    s3 = bench.embedded.client("s3")
    s3.put_object(Bucket=bench.bucket, Key=f"{key}/a", Body=b"old")
    first, _ = run(bench, name)
    s3.put_object(Bucket=bench.bucket, Key=f"{key}/a", Body=b"new")
    _, same = run(bench, name)
    _, other = run(bench, name, N="2")

    assert source(same, "P") == first
    assert source(other, "P") is None


def test_instances_role_and_outputs_do_not_count_and_images_do(bench: Workbench) -> None:
    step = cached(bench.processing("P", writes("o", "x", "'1'"), outputs=("o",)))
    name = bench.create(step)
    first, _ = run(bench, name)
    arguments = step["Arguments"]
    arguments["ProcessingResources"]["ClusterConfig"]["InstanceType"] = "ml.m5.xlarge"
    bench.sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=_text(step))
    _, larger = run(bench, name)
    arguments["AppSpecification"]["ImageUri"] = arguments["AppSpecification"]["ImageUri"].replace("3.2-0", "3.2-1")
    bench.sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=_text(step))
    _, newer = run(bench, name)

    assert source(larger, "P") == first
    assert source(newer, "P") is None


def test_a_training_steps_run_id_in_its_output_path_is_no_miss_but_one_in_hyperparameters_is(
    bench: Workbench,
) -> None:
    script = "import os\nopen(os.path.join(os.environ['SM_MODEL_DIR'], 'm'), 'w').write('m')\n"
    steady, busy = training(bench, script), training(bench, script, run=execution_id())
    busy["Name"] = "Busy"
    name = bench.create(cached(steady), cached(busy))
    first, before = run(bench, name)
    _, after = run(bench, name)

    assert source(after, "Train") == first
    assert source(after, "Busy") is None
    assert after["Train"]["Metadata"] == before["Train"]["Metadata"]


def test_a_failed_run_is_never_taken(bench: Workbench) -> None:
    flag = f"flag-{uuid.uuid4().hex}"
    code = (
        "import boto3\n"
        "there = boto3.client('s3').list_objects_v2(Bucket=os.environ['BUCKET'], Prefix=os.environ['FLAG'])\n"
        "sys.exit(0 if there.get('KeyCount') else 1)\n"
    )
    name = bench.create(cached(bench.processing("P", code, environment={"BUCKET": bench.bucket, "FLAG": flag})))
    assert bench.ended(bench.start(name))["PipelineExecutionStatus"] == "Failed"
    bench.embedded.client("s3").put_object(Bucket=bench.bucket, Key=flag, Body=b"")

    assert source(run(bench, name)[1], "P") is None


def test_one_pipelines_steps_are_no_hits_for_anothers(bench: Workbench) -> None:
    step = cached(bench.processing("P", ""))
    run(bench, bench.create(step))

    assert source(run(bench, bench.create(step))[1], "P") is None


def test_a_step_that_is_not_cached_runs_again(bench: Workbench) -> None:
    step = {**bench.processing("P", ""), "CacheConfig": {"Enabled": False, "ExpireAfter": "P1D"}}
    name = bench.create(step)
    _, before = run(bench, name)
    _, after = run(bench, name)

    assert after["P"]["Metadata"] != before["P"]["Metadata"]


def test_a_run_that_is_too_old_is_not_taken(embedded_factory: Callable[..., Any]) -> None:
    bench = workbench(embedded_factory())
    name = bench.create(cached(bench.processing("P", ""), "PT30M"))
    first, _ = run(bench, name)
    bench.embedded.advance(29 * 60)
    _, young = run(bench, name)
    bench.embedded.advance(2 * 60)
    _, old = run(bench, name)

    assert source(young, "P") == first
    assert source(old, "P") is None


def test_a_retried_execution_keeps_its_hits(bench: Workbench) -> None:
    flag = f"flag-{uuid.uuid4().hex}"
    steady = cached(bench.processing("Steady", ""))
    name = bench.create(steady)
    first, _ = run(bench, name)
    go = {"Std:JsonGet": {"S3Uri": f"s3://{bench.bucket}/{flag}", "Path": "go"}}
    later = bench.processing("Later", "", environment={"GO": go}, DependsOn=["Steady"])
    bench.sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=_text(steady, later))
    arn = bench.start(name)
    assert bench.ended(arn)["PipelineExecutionStatus"] == "Failed"
    bench.embedded.client("s3").put_object(Bucket=bench.bucket, Key=flag, Body=b'{"go": "yes"}')
    bench.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)

    assert bench.ended(arn)["PipelineExecutionStatus"] == "Succeeded", bench.reasons(arn)
    assert source(bench.steps(arn), "Steady") == first


def _text(*steps: Json) -> str:
    return json.dumps({"Version": "2020-12-01", "Steps": list(steps)})
