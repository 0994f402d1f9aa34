"""Tuning, Model and Transform steps in pipelines: their properties, their cache, their stop."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local.pipeline_bench import Json, Workbench, execution_id, workbench
from tests.local.transform_lab import TransformLab
from tests.local.tuning_lab import PARABOLA, TuningLab
from tests.sagemaker_lab import IMAGE, SETTINGS

WAITS = "import threading\nprint('score=0.5')\nthreading.Event().wait()\n"


@pytest.fixture(scope="module")
def bench(embedded: Any) -> Workbench:
    return workbench(embedded)


@pytest.fixture(scope="module")
def tuning(embedded: Any) -> TuningLab:
    return TuningLab(embedded)


@pytest.fixture(scope="module")
def batch(embedded: Any) -> TransformLab:
    return TransformLab(embedded)


def tune(lab: TuningLab, script: str = PARABOLA, **config: Any) -> Json:
    arguments = {
        "HyperParameterTuningJobConfig": lab.config(**{"jobs": 3, "RandomSeed": 5, **config}),
        "TrainingJobDefinition": lab.definition(
            script,
            OutputDataConfig={
                "S3OutputPath": {"Std:Join": {"On": "/", "Values": [f"s3://{lab.bucket}/runs", execution_id()]}}
            },
        ),
    }
    cache = {"Enabled": True, "ExpireAfter": "P1D"}
    return {"Name": "TuneTheModel", "Type": "Tuning", "Arguments": arguments, "CacheConfig": cache}


def best_model(lab: TuningLab, number: int | None = None) -> Json:
    """The URI of a tuned model: below the output path that the tuning job, not this execution, was given."""
    place = "BestTrainingJob" if number is None else f"TrainingJobSummaries[{number}]"
    job = {"Get": f"Steps.TuneTheModel.{place}.TrainingJobName"}
    output = {"Get": "Steps.TuneTheModel.TrainingJobDefinition.OutputDataConfig.S3OutputPath"}
    values = [output, job, "output/model.tar.gz"]
    return {"Std:Join": {"On": "/", "Values": values}}


def test_a_tuned_model_is_found_by_its_rank_and_can_be_used(bench: Workbench, tuning: TuningLab) -> None:
    """`head_object` of a URI that does not exist would fail the step."""
    code = (
        "import boto3\n"
        "for name in ('BEST', 'FIRST', 'LAST'):\n"
        "    bucket, key = os.environ[name].removeprefix('s3://').split('/', 1)\n"
        "    boto3.client('s3').head_object(Bucket=bucket, Key=key)\n"
        "assert os.environ['BEST'] == os.environ['FIRST'] != os.environ['LAST']\n"
    )
    uses = {"BEST": best_model(tuning), "FIRST": best_model(tuning, 0), "LAST": best_model(tuning, 2)}
    name = bench.create(tune(tuning), bench.processing("Use", code, environment=uses))
    arn = bench.start(name)
    assert bench.ended(arn)["PipelineExecutionStatus"] == "Succeeded", bench.reasons(arn)

    job = bench.steps(arn)["TuneTheModel"]["Metadata"]["TuningJob"]["Arn"].rpartition("/")[2]
    execution = arn.rpartition("/")[2]
    assert job.startswith(f"{execution}-TuneThe")
    assert len(job) <= 32

    again = bench.start(name)
    assert bench.ended(again)["PipelineExecutionStatus"] == "Succeeded", bench.reasons(again)
    assert bench.steps(again)["TuneTheModel"]["CacheHitResult"] == {"SourcePipelineExecutionArn": arn}


def test_a_tuning_job_that_fails_fails_its_step(bench: Workbench, tuning: TuningLab) -> None:
    ended = bench.run(tune(tuning, "raise SystemExit(1)", jobs=5, parallel=5))
    step = bench.steps(ended["PipelineExecutionArn"])["TuneTheModel"]
    assert step["StepStatus"] == "Failed"
    assert step["FailureReason"].startswith("No training job succeeded after 5 attempts.")


def test_stopping_an_execution_stops_its_tuning_job_and_the_training_jobs(bench: Workbench, tuning: TuningLab) -> None:
    arn = bench.start(bench.create(tune(tuning, WAITS, parallel=2)))
    step = bench.until(arn, lambda _: "TuningJob" in bench.steps(arn).get("TuneTheModel", {}).get("Metadata", {}))
    assert step["PipelineExecutionStatus"] == "Executing"
    job = bench.steps(arn)["TuneTheModel"]["Metadata"]["TuningJob"]["Arn"].rpartition("/")[2]
    bench.until(arn, lambda _: len(tuning.trained(job)) == 2)
    bench.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)

    assert bench.ended(arn)["PipelineExecutionStatus"] == "Stopped"
    assert tuning.described(job)["HyperParameterTuningJobStatus"] == "Stopped"
    assert {each["TrainingJobStatus"] for each in tuning.trained(job)} == {"Stopped"}


def score(batch: TransformLab, source: str, **more: Any) -> list[Json]:
    """CreateModel -> Transform."""
    container = {"Image": IMAGE, "ModelDataUrl": batch.archive("batch", SCORES), "Environment": SETTINGS}
    make = {"PrimaryContainer": container, "ExecutionRoleArn": batch.role}
    transform = {
        "ModelName": {"Get": "Steps.Make.ModelName"},
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{batch.bucket}/{source}"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        "TransformOutput": {
            "S3OutputPath": {"Std:Join": {"On": "/", "Values": [f"s3://{batch.bucket}/scores", execution_id()]}},
            "AssembleWith": "Line",
        },
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    return [
        {"Name": "Make", "Type": "Model", "Arguments": make},
        {"Name": "Score", "Type": "Transform", "Arguments": transform, **more},
    ]


SCORES = """
def model_fn(model_dir):
    return None


def transform_fn(model, body, content_type, accept):
    if "refuse" in body:
        raise ValueError("a bad row")
    return "\\n".join(str(len(line)) for line in body.splitlines()), "text/csv"
"""


def test_batch_scoring_runs_through_model_and_transform(bench: Workbench, batch: TransformLab) -> None:
    batch.put("to-score/a.csv", "1\n22\n")
    cache = {"Enabled": True, "ExpireAfter": "P1D"}
    name = bench.create(*score(batch, "to-score", CacheConfig=cache))
    runs = [bench.start(name) for _ in range(2)]
    for arn in runs:
        assert bench.ended(arn)["PipelineExecutionStatus"] == "Succeeded", bench.reasons(arn)
        assert batch.text(f"scores/{arn.rpartition('/')[2]}/a.csv.out") == "1\n2\n"
        step = bench.steps(arn)["Score"]
        assert ":transform-job/pipelines-" in step["Metadata"]["TransformJob"]["Arn"]
        # A Model step makes a new model each time, so that a Transform step after it never hits.
        assert "CacheHitResult" not in step


def test_a_transform_job_that_fails_fails_its_step(bench: Workbench, batch: TransformLab) -> None:
    batch.put("not-to-score/a.csv", "refuse\n")
    ended = bench.run(*score(batch, "not-to-score"))
    step = bench.steps(ended["PipelineExecutionArn"])["Score"]
    assert step["StepStatus"] == "Failed"
    assert step["FailureReason"] == "AlgorithmError: See job logs for more information"
