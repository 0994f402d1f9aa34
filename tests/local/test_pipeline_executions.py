"""Pipelines of jobs through the API alone: real jobs with tiny scripts, real S3."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.local.pipeline_bench import (
    IMAGE,
    Json,
    Workbench,
    fail,
    gate,
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


def register(group: str, model: Any) -> Json:
    container = {"Image": IMAGE, "ModelDataUrl": model}
    arguments = {
        "ModelPackageGroupName": group,
        "ModelApprovalStatus": {"Get": "Parameters.Approval"},
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    }
    return {"Name": "Register", "Type": "RegisterModel", "Arguments": arguments}


def scored_pipeline(bench: Workbench, group: str) -> tuple[tuple[Json, ...], list[Json]]:
    """Preprocess -> Evaluate -> Gate -> Register, or Fail."""
    first = bench.processing("Preprocess", writes("data", "x.txt", "'hello'"), outputs=("data",))
    data = {"Get": "Steps.Preprocess.ProcessingOutputConfig.Outputs['data'].S3Output.S3Uri"}
    evaluate = bench.processing(
        "Evaluate",
        "score = float(os.environ['SCORE'])\n"
        + writes("report", "report.json", "json.dumps({'auc': {'value': score}, 'env': dict(os.environ)})"),
        outputs=("report",),
        environment={"SCORE": {"Get": "Parameters.Score"}, "DATA": data, "DEPTH": {"Get": "Parameters.Depth"}},
        PropertyFiles=report_file(),
    )
    model = {"Std:Join": {"On": "/", "Values": [data, "model.tar.gz"]}}
    refuse = fail("BelowFloor", {"Std:Join": {"On": " ", "Values": ["below", {"Get": "Parameters.Floor"}]}})
    score = report_value("auc.value")
    steps = (evaluate, first, gate("Gate", score, {"Get": "Parameters.Floor"}, [register(group, model)], [refuse]))
    declared = [
        parameter("Score", "Float"),
        parameter("Floor", "Float", DefaultValue=0.75),
        parameter("Depth", "Integer", DefaultValue=6),
        parameter("Approval", "String", DefaultValue="PendingManualApproval"),
    ]
    return steps, declared


def test_a_good_model_goes_through_every_step_into_the_registry(bench: Workbench) -> None:
    group = f"group-{bench.bucket}"
    bench.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    steps, parameters = scored_pipeline(bench, group)
    ended = bench.run(*steps, parameters=parameters, PipelineParameters=[{"Name": "Score", "Value": "0.8"}])

    assert ended["PipelineExecutionStatus"] == "Succeeded", bench.reasons(ended["PipelineExecutionArn"])
    arn = ended["PipelineExecutionArn"]
    run = arn.rpartition("/")[2]
    found = bench.steps(arn)
    assert list(found) == ["Preprocess", "Evaluate", "Gate", "Register"]
    assert {step["StepStatus"] for step in found.values()} == {"Succeeded"}
    assert found["Gate"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    job = found["Preprocess"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    assert job.startswith(f"pipelines-{run}-Preprocess-")
    assert len(job) == len(f"pipelines-{run}-Preprocess-") + 10

    env = json.loads(bench.text(f"{run}/Evaluate/report/report.json"))["env"]
    assert (env["DATA"], env["DEPTH"], env["SCORE"]) == (f"s3://{bench.bucket}/{run}/Preprocess/data", "6", "0.8")
    package = bench.sagemaker.describe_model_package(
        ModelPackageName=found["Register"]["Metadata"]["RegisterModel"]["Arn"]
    )
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    [container] = package["InferenceSpecification"]["Containers"]
    assert container["ModelDataUrl"] == f"s3://{bench.bucket}/{run}/Preprocess/data/model.tar.gz"
    values = bench.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)["PipelineParameters"]
    assert {each["Name"]: each["Value"] for each in values} == {
        "Score": "0.8",
        "Floor": "0.75",
        "Depth": "6",
        "Approval": "PendingManualApproval",
    }


def test_a_bad_model_ends_in_the_fail_step_with_its_message(bench: Workbench) -> None:
    steps, parameters = scored_pipeline(bench, "never-used")
    ended = bench.run(*steps, parameters=parameters, PipelineParameters=[{"Name": "Score", "Value": "0.7"}])

    assert ended["PipelineExecutionStatus"] == "Failed"
    assert ended["FailureReason"] == "Step failure: One or multiple steps failed."
    found = bench.steps(ended["PipelineExecutionArn"])
    assert list(found) == ["Preprocess", "Evaluate", "Gate", "BelowFloor"]
    assert found["BelowFloor"]["FailureReason"] == "below 0.75"
    assert found["BelowFloor"]["Metadata"] == {"Fail": {"ErrorMessage": "below 0.75"}}


def test_a_failing_job_fails_its_step_and_its_parallel_steps_finish(bench: Workbench) -> None:
    ended = bench.run(
        bench.processing("Bad", "sys.exit(3)"),
        bench.processing("Good", "import time; time.sleep(0.3)\n" + writes("data", "x", "'x'"), outputs=("data",)),
        bench.processing("After", "", DependsOn=["Good"]),
    )

    assert ended["PipelineExecutionStatus"] == "Failed"
    found = bench.steps(ended["PipelineExecutionArn"])
    assert {name: step["StepStatus"] for name, step in found.items()} == {"Bad": "Failed", "Good": "Succeeded"}
    job = found["Bad"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    described = bench.sagemaker.describe_processing_job(ProcessingJobName=job)
    assert found["Bad"]["FailureReason"] == described["FailureReason"]


def test_a_job_that_the_service_refuses_fails_its_step_with_the_services_words(bench: Workbench) -> None:
    step = bench.processing("Bad", "")
    step["Arguments"]["ProcessingResources"]["ClusterConfig"]["InstanceType"] = "ml.made.up"
    ended = bench.run(step)

    reason = bench.steps(ended["PipelineExecutionArn"])["Bad"]["FailureReason"]
    assert reason.startswith("ClientError: Failed to invoke sagemaker:CreateProcessingJob. Error Details: ")
    assert "ml.made.up" in reason


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (writes("report", "other.json", "'{}'"), "/Evaluate/report/report.json cannot be read"),
        (writes("report", "report.json", "'{\"mse\": 4}'"), "There is no 'auc' in property file 'Report'"),
        (writes("report", "report.json", '\'{"auc": {"value": NaN}}\''), "is not valid JSON"),
        (writes("report", "report.json", '\'{"auc": {"value": "0.9"}}\''), "their types differ"),
    ],
)
def test_a_gate_without_a_number_to_read_fails_and_says_why(bench: Workbench, written: str, said: str) -> None:
    evaluate = bench.processing("Evaluate", written, outputs=("report",), PropertyFiles=report_file())
    ended = bench.run(evaluate, gate("Gate", report_value("auc.value"), 0.5, [], [fail("Never")]))

    found = bench.steps(ended["PipelineExecutionArn"])
    assert {name: step["StepStatus"] for name, step in found.items()} == {"Evaluate": "Succeeded", "Gate": "Failed"}
    assert said in found["Gate"]["FailureReason"]


def test_steps_that_do_not_depend_on_each_other_run_at_the_same_time(bench: Workbench) -> None:
    """Each waits for what the other puts when it starts: one after the other, they would never end."""
    a, b = uuid.uuid4().hex, uuid.uuid4().hex
    ended = bench.run(bench.waiting("A", puts=a, awaits=b), bench.waiting("B", puts=b, awaits=a))

    assert ended["PipelineExecutionStatus"] == "Succeeded", bench.reasons(ended["PipelineExecutionArn"])


def test_a_trained_models_metric_decides_and_its_artifact_becomes_a_model(bench: Workbench) -> None:
    script = (
        "import argparse, os\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('--eta', type=float)\n"
        "eta = parser.parse_known_args()[0].eta\n"
        "open(os.path.join(os.environ['SM_MODEL_DIR'], 'model.json'), 'w').write('{}')\n"
        "print(f'auc={eta}')\n"
    )
    auc = {"Get": "Steps.Train.FinalMetricDataList['validation:auc'].Value"}
    artifact = {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
    model = {
        "Name": "Make",
        "Type": "Model",
        "Arguments": {
            "ExecutionRoleArn": bench.role,
            "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": artifact, "Environment": {}},
        },
    }
    ended = bench.run(
        training(bench, script, eta={"Get": "Parameters.Eta"}),
        gate("Gate", auc, {"Get": "Parameters.Eta"}, [model], [fail("F")]),
        parameters=[parameter("Eta", "Float", DefaultValue=0.75)],
    )

    assert ended["PipelineExecutionStatus"] == "Succeeded", bench.reasons(ended["PipelineExecutionArn"])
    found = bench.steps(ended["PipelineExecutionArn"])
    job = found["Train"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    trained = bench.sagemaker.describe_training_job(TrainingJobName=job)
    assert trained["HyperParameters"]["eta"] == "0.75"
    made = bench.sagemaker.describe_model(ModelName=found["Make"]["Metadata"]["Model"]["Arn"].rpartition("/")[2])
    assert made["PrimaryContainer"]["ModelDataUrl"] == trained["ModelArtifacts"]["S3ModelArtifacts"]
