"""The jobs of the definition: their inputs and outputs, encryption and isolation, caching and retries."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from millrace.local.sagemaker.own_metrics import definitions
from pipeline_code import definition
from tests.stacks.definition_sample import all_steps, document, joined, model


def test_jobs_run_isolated_and_encrypted_with_the_job_role() -> None:
    steps, key = all_steps(document()), definition.SENTINELS["kms_key"]
    for name in ("Preprocess", "Evaluate"):
        arguments = steps[name]["Arguments"]
        assert arguments["NetworkConfig"]["EnableNetworkIsolation"] is True
        assert arguments["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] == key
        assert arguments["ProcessingOutputConfig"]["KmsKeyId"] == key
        assert arguments["RoleArn"] == definition.SENTINELS["job_role"]
        assert arguments["StoppingCondition"]["MaxRuntimeInSeconds"] == model().processing.max_runtime_seconds
    arguments = steps["Train"]["Arguments"]
    assert arguments["EnableNetworkIsolation"] is True
    assert arguments["ResourceConfig"]["VolumeKmsKeyId"] == arguments["OutputDataConfig"]["KmsKeyId"] == key
    assert arguments["RoleArn"] == definition.SENTINELS["job_role"]
    assert arguments["StoppingCondition"]["MaxRuntimeInSeconds"] == model().training.max_runtime_seconds


def test_what_a_run_writes_lies_under_its_own_prefix_and_what_it_refuses_in_the_models_quarantine() -> None:
    steps = all_steps(document())
    outputs = {
        output["OutputName"]: output["S3Output"]
        for name in ("Preprocess", "Evaluate")
        for output in steps[name]["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    }
    bucket, run = f"s3://{definition.SENTINELS['artifact_bucket']}", "<Execution.PipelineExecutionId>"
    quarantine = outputs.pop("quarantine")
    assert joined(quarantine["S3Uri"]) == f"{bucket}/quarantine/claims-fraud/runs/{run}"
    assert quarantine["S3UploadMode"] == "Continuous"
    assert {joined(output["S3Uri"]) for output in outputs.values()} == {
        *(f"{bucket}/runs/{run}/preprocess/{part}" for part in ("train", "validation", "test", "features")),
        f"{bucket}/runs/{run}/evaluate",
    }
    assert {output["S3UploadMode"] for output in outputs.values()} == {"EndOfJob"}
    assert joined(steps["Train"]["Arguments"]["OutputDataConfig"]["S3OutputPath"]) == f"{bucket}/runs/{run}/train"


def test_preprocess_gets_each_table_as_an_input_of_its_own() -> None:
    inputs = inputs_of("binary")
    assert [(joined(one["S3Uri"]), one["LocalPath"]) for name, one in inputs.items() if name != "code"] == [
        (f"<Parameters.InputUri>/{table}/", f"/opt/ml/processing/input/data/{table}")
        for table in ("claims", "customers")
    ]
    assert {one["S3DataDistributionType"] for one in inputs.values()} == {"FullyReplicated"}
    assert len(inputs_of("one-table")) == 2
    assert len(inputs_of("eight-tables")) == 9, "SageMaker takes ten"


def inputs_of(variant: str) -> dict[str, dict[str, Any]]:
    found = all_steps(document(variant))["Preprocess"]["Arguments"]["ProcessingInputs"]
    return {one["InputName"]: one["S3Input"] for one in found}


def test_several_instances_share_out_the_base_table_and_talk_in_secret() -> None:
    steps = all_steps(document("several-instances"))
    shares = {name: one["S3DataDistributionType"] for name, one in inputs_of("several-instances").items()}
    assert shares == {"table-claims": "ShardedByS3Key", "table-customers": "FullyReplicated", "code": "FullyReplicated"}
    preprocess, train, evaluate = (steps[name]["Arguments"] for name in ("Preprocess", "Train", "Evaluate"))
    assert preprocess["ProcessingResources"]["ClusterConfig"]["InstanceCount"] == 2
    assert preprocess["NetworkConfig"]["EnableInterContainerTrafficEncryption"] is True
    assert train["ResourceConfig"]["InstanceCount"] == 2
    assert train["EnableInterContainerTrafficEncryption"] is True
    assert evaluate["ProcessingResources"]["ClusterConfig"]["InstanceCount"] == 1, "it measures once, not twice"


def test_evaluate_gets_the_champion_and_all_that_the_verdict_depends_on() -> None:
    arguments = all_steps(document())["Evaluate"]["Arguments"]
    inputs = {one["InputName"]: joined(one["S3Input"]["S3Uri"]) for one in arguments["ProcessingInputs"]}
    assert inputs["champion"] == "<Steps.ResolveChampion.OutputParameters['model_uri']>"
    assert inputs["model"] == "<Steps.Train.ModelArtifacts.S3ModelArtifacts>"
    given = [joined(one) for one in arguments["AppSpecification"]["ContainerArguments"]]
    told = dict(zip(given[::2], given[1::2], strict=True))
    folder = "/opt/ml/processing/input"
    assert told == {
        **{f"--{name}": f"{folder}/{name}" for name in ("model", "champion", "test")},
        "--champion-version": "<Steps.ResolveChampion.OutputParameters['version']>",
        "--output": "/opt/ml/processing/output/evaluation",
        "--floor": "<Parameters.AucFloor>",
        "--min-support": "<Parameters.MinSupport>",
        "--confidence": "<Parameters.Confidence>",
        "--input-uri": "<Parameters.InputUri>",
    }


CACHED = ("Preprocess", "Train", "Tune", "Evaluate")


@pytest.mark.parametrize("variant", ["binary", "tuned", "no-cache"])
def test_jobs_are_cached_as_the_settings_say_and_nothing_else_is(variant: str) -> None:
    expected = None if variant == "no-cache" else {"Enabled": True, "ExpireAfter": model().cache_expire_after}
    for name, step in all_steps(document(variant)).items():
        assert step.get("CacheConfig") == (expected if name in CACHED else None), name


@pytest.mark.parametrize("variant", ["binary", "tuned"])
def test_jobs_are_tried_again_after_faults_of_the_service(variant: str) -> None:
    faults = {
        *("Step.SERVICE_FAULT", "Step.THROTTLING"),
        *("SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT"),
    }
    for name, step in all_steps(document(variant)).items():
        retried = {fault for policy in step.get("RetryPolicies", ()) for fault in policy["ExceptionType"]}
        if name != "RegisterModel":
            assert retried == (faults if name in CACHED else set()), name


def test_registering_is_tried_again_too_since_by_then_all_the_work_is_done() -> None:
    (policy,) = all_steps(document())["RegisterModel"]["RetryPolicies"]
    assert policy["ExceptionType"] == ["Step.SERVICE_FAULT", "Step.THROTTLING"]


def test_no_run_id_reaches_what_the_step_cache_looks_at() -> None:
    for step in all_steps(document()).values():
        for member in ("Environment", "HyperParameters", "AppSpecification", "ProcessingInputs", "InputDataConfig"):
            assert "Execution." not in json.dumps(step["Arguments"].get(member))


def test_hyperparameters_are_texts_and_the_code_is_the_archive_of_the_code_channel() -> None:
    arguments = all_steps(document())["Train"]["Arguments"]
    assert all(isinstance(value, str) or "Std:Join" in value for value in arguments["HyperParameters"].values())
    assert arguments["HyperParameters"]["sagemaker_program"] == "train.py"
    folder, _, file = arguments["HyperParameters"]["sagemaker_submit_directory"].rpartition("/")
    code = next(channel for channel in arguments["InputDataConfig"] if channel["ChannelName"] == "code")
    assert folder == "/opt/ml/input/data/code"
    assert code["DataSource"]["S3DataSource"]["S3Uri"].rpartition("/")[2] == file


def test_script_mode_can_install_the_code_without_a_network() -> None:
    steps = all_steps(document())
    (container,) = steps["RegisterModel"]["Arguments"]["InferenceSpecification"]["Containers"]
    assert steps["Train"]["Arguments"]["Environment"]["PIP_NO_BUILD_ISOLATION"] == "0"
    assert container["Environment"]["PIP_NO_BUILD_ISOLATION"] == "0"
    assert container["Environment"]["SAGEMAKER_PROGRAM"] == "inference.py"
    assert container["Environment"]["SAGEMAKER_SUBMIT_DIRECTORY"] == "/opt/ml/model/code"


@pytest.mark.parametrize("variant", ["binary", "tuned"])
def test_no_metric_is_defined_because_sagemaker_refuses_any_for_its_own_image(variant: str) -> None:
    steps = all_steps(document(variant))
    trained = steps["Tune"]["Arguments"]["TrainingJobDefinition"] if variant == "tuned" else steps["Train"]["Arguments"]
    assert "MetricDefinitions" not in trained["AlgorithmSpecification"]


@pytest.mark.parametrize("metric", ["auc", "mlogloss", "rmse"])
def test_the_lines_of_training_hold_the_metrics_that_sagemaker_looks_for(metric: str) -> None:
    """As train.py prints them; the log writes a tab as #011."""
    line = f"[12]\ttrain-{metric}:0.91234\tvalidation-{metric}:1.5e-05".replace("\t", "#011")
    regexes = {one["Name"]: one["Regex"] for one in definitions()}
    found = [re.search(regexes[f"{part}:{metric}"], line) for part in ("train", "validation")]
    assert [match and match[1] for match in found] == ["0.91234", "1.5e-05"]
