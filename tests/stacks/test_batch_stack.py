"""What starts batch scoring, what its pipeline does, and what its roles may do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from millrace.local.events.pattern import Pattern
from pipeline_code import definition_batch
from settings import load
from stacks.batch import batch_spec
from stacks.controls.templates import Resource, listed
from stacks.definition_validator import check
from tests.stacks.template_lab import Lab

RAW = "millrace-dev-raw-111111111111-ap-northeast-2"
ARTIFACTS = "millrace-dev-artifacts-111111111111-ap-northeast-2"
STACK = "Dev-Batch"


def rule(assembly: Any) -> Resource:
    found = Lab(assembly).templates().resources("AWS::Events::Rule")
    (one,) = [each for each in found if each.properties["Name"] == "millrace-dev-batch-claims-fraud"]
    return one


def upload(key: str, bucket: str = RAW, kind: str = "Object Created") -> dict[str, Any]:
    return {"source": "aws.s3", "detail-type": kind, "detail": {"bucket": {"name": bucket}, "object": {"key": key}}}


@pytest.fixture(scope="module")
def definition(assembly: Any) -> dict[str, Any]:
    """The definition of the batch pipeline, as it is deployed."""
    found = Lab(assembly).templates().resources("AWS::SageMaker::Pipeline")
    (one,) = [each for each in found if each.properties["PipelineName"] == "claims-fraud-batch"]
    body: dict[str, Any] = json.loads(one.properties["PipelineDefinition"]["PipelineDefinitionBody"])
    return body


@pytest.fixture(scope="module")
def steps(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All steps by name, those behind the condition too."""
    found = list(definition["Steps"])
    for step in definition["Steps"]:
        if step["Type"] == "Condition":
            found += [*step["Arguments"]["IfSteps"], *step["Arguments"]["ElseSteps"]]
    return {step["Name"]: step for step in found}


@pytest.mark.parametrize(
    ("event", "matches"),
    [
        (upload("batch/claims-fraud/march.csv"), True),
        (upload("batch/claims-fraud/2026/보험 a+b%20c.CSV"), True),
        (upload("batch/claims-fraud/rows.jsonl"), True),
        (upload("batch/claims-fraud/rows.parquet"), False),
        (upload("batch/claims-fraud/"), False),
        (upload("batch/claims-fraud-2/a.csv"), False),
        (upload("raw/claims-fraud/claims/a.csv"), False),
        (upload("batch/claims-fraud/a.csv", bucket=ARTIFACTS), False),
        (upload("batch/claims-fraud/a.csv", kind="Object Deleted"), False),
    ],
)
def test_uploads_below_the_batch_prefix_reach_the_queue(assembly: Any, event: dict[str, Any], matches: bool) -> None:
    assert Pattern.parse(rule(assembly).properties["EventPattern"]).matches(event) is matches


def test_no_upload_starts_training_and_scoring_both(assembly: Any) -> None:
    patterns = {
        found.properties["Name"]: Pattern.parse(found.properties["EventPattern"])
        for found in Lab(assembly).templates().resources("AWS::Events::Rule")
    }
    for key in ("batch/claims-fraud/a.csv", "raw/claims-fraud/claims/a.csv"):
        assert sum(pattern.matches(upload(key)) for pattern in patterns.values()) == 1


def test_the_schedule_of_the_account_sweeps_every_model(assembly: Any) -> None:
    (schedule,) = assembly.resources("AWS::Scheduler::Schedule", stack=STACK).values()
    properties = schedule["Properties"]
    assert properties["ScheduleExpression"] == load().account("dev").schedule
    assert json.loads(properties["Target"]["Input"]) == {"sweep": [model.name for model in load().models]}


def test_the_function_knows_its_buckets_queues_and_models(assembly: Any) -> None:
    (function,) = assembly.resources("AWS::Lambda::Function", stack=STACK).values()
    properties = function["Properties"]
    variables = {"RAW_BUCKET", "ARTIFACT_BUCKET", "QUEUE_URL", "DEAD_LETTERS_URL"}
    assert set(properties["Environment"]["Variables"]) == variables
    asset = assembly.folder / f"asset.{properties['Code']['S3Key'].removesuffix('.zip')}"
    told = json.loads((asset / "models.json").read_text("utf-8"))
    assert told == {model.name: batch_spec(model) for model in load().models}
    assert told["claims-fraud"]["suffixes"] == [".csv", ".jsonl", ".ndjson"]


def test_the_pipeline_asks_which_model_is_live_and_ends_if_there_is_none(steps: dict[str, dict[str, Any]]) -> None:
    assert steps["ResolveLive"]["FunctionArn"].endswith(":function:millrace-dev-resolve-champion")
    assert steps["ResolveLive"]["Arguments"] == {"model": "claims-fraud"}
    arguments = steps["HasModel"]["Arguments"]
    assert [step["Name"] for step in arguments["IfSteps"]] == ["Prepare", "CreateModel", "Score"]
    assert [step["Name"] for step in arguments["ElseSteps"]] == ["NoModel"]
    (condition,) = arguments["Conditions"]
    assert condition["Condition"]["RightValue"] == "none"
    assert "no approved model" in steps["NoModel"]["Arguments"]["ErrorMessage"]


def test_every_result_line_carries_the_row_and_its_key_and_the_model_sees_the_features_alone(
    steps: dict[str, dict[str, Any]],
) -> None:
    arguments = steps["Score"]["Arguments"]
    assert arguments["DataProcessing"] == {
        "InputFilter": "$.features",
        "OutputFilter": "$['row','key','SageMakerOutput']",
        "JoinSource": "Input",
    }
    assert (arguments["TransformInput"]["ContentType"], arguments["TransformInput"]["SplitType"]) == (
        "application/jsonlines",
        "Line",
    )
    assert arguments["TransformOutput"]["Accept"] == "application/jsonlines"
    assert arguments["TransformOutput"]["AssembleWith"] == "Line"
    assert arguments["BatchStrategy"] == "MultiRecord"


def test_the_model_is_the_registered_one_without_a_network(steps: dict[str, dict[str, Any]]) -> None:
    arguments = steps["CreateModel"]["Arguments"]
    assert arguments["EnableNetworkIsolation"] is True
    container = arguments["PrimaryContainer"]
    assert container["ModelDataUrl"] == {"Get": "Steps.ResolveLive.OutputParameters['model_uri']"}
    assert container["Environment"]["SAGEMAKER_PROGRAM"] == "inference.py"


def test_faults_of_the_service_are_tried_again_and_nothing_is_cached(steps: dict[str, dict[str, Any]]) -> None:
    for name in ("Prepare", "CreateModel", "Score"):
        faults = [fault for policy in steps[name]["RetryPolicies"] for fault in policy["ExceptionType"]]
        assert {"Step.SERVICE_FAULT", "Step.THROTTLING"} <= set(faults), name
        assert ("SageMaker.CAPACITY_ERROR" in faults) == (name != "CreateModel")
    assert not [name for name, step in steps.items() if "CacheConfig" in step]


def test_rows_that_cannot_be_scored_are_uploaded_even_if_the_step_fails(steps: dict[str, dict[str, Any]]) -> None:
    outputs = steps["Prepare"]["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    modes = {output["OutputName"]: output["S3Output"]["S3UploadMode"] for output in outputs}
    assert modes == {"rows": "EndOfJob", "quarantine": "Continuous"}


def test_the_definition_is_valid_and_always_the_same() -> None:
    model = load().model("claims-fraud")
    text = definition_batch.build(model, region="ap-northeast-2")
    assert check(text) == []
    assert definition_batch.build(model, region="ap-northeast-2") == text


def test_jobs_write_below_batch_only_and_read_no_training_data(assembly: Any) -> None:
    writes, reads = (
        [s for p, s in assembly.statements() if p == "millrace-dev-batch-job" and action in listed(s["Action"])]
        for action in ("s3:PutObject", "s3:GetObject")
    )
    assert {end for s in writes for end in _ends(s)} == {
        f"/batch/*/{purpose}/*" for purpose in ("rows", "quarantine", "outputs")
    }
    assert {end for s in reads for end in _ends(s) if end.startswith("/")} == {
        "/batch/*/inputs/*",
        "/batch/*/rows/*",
        "/runs/*/output/model.tar.gz",
    }


def _ends(statement: dict[str, Any]) -> list[str]:
    """The fixed ends of resource ARNs that are joined from a bucket's ARN and a pattern."""
    return [r["Fn::Join"][1][-1] if isinstance(r, dict) else r for r in listed(statement["Resource"])]
