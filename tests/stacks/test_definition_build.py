"""The definition the settings become: what it holds, and that building it needs nothing but the settings."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from pipeline_code import definition
from pipeline_code.definition_offline import offline
from pipeline_code.definition_sentinels import MARKER
from stacks.definition_validator import check
from tests.stacks.definition_sample import REGION, all_steps, document, model, text

ROOT = Path(__file__).parents[2]


def values(value: Any) -> Iterator[Any]:
    """Every value in a JSON document."""
    yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from values(child)


def test_the_graph_is_preprocess_train_evaluate_and_a_gate() -> None:
    built = document()
    assert [step["Name"] for step in built["Steps"]] == ["Preprocess", "Train", "Evaluate", "Gate"]
    gate = all_steps(built)["Gate"]["Arguments"]
    assert [(step["Name"], step["Type"]) for step in gate["IfSteps"]] == [("RegisterModel", "RegisterModel")]
    assert [(step["Name"], step["Type"]) for step in gate["ElseSteps"]] == [("BelowFloor", "Fail")]


def test_the_gate_compares_the_measured_auc_with_the_floor() -> None:
    (condition,) = all_steps(document())["Gate"]["Arguments"]["Conditions"]
    assert condition == {
        "Type": "GreaterThanOrEqualTo",
        "LeftValue": {
            "Std:JsonGet": {
                "PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Evaluation"},
                "Path": "binary_classification_metrics.auc.value",
            }
        },
        "RightValue": {"Get": "Parameters.AucFloor"},
    }


def test_every_parameter_but_the_input_has_the_settings_as_its_default() -> None:
    defaults = {one["Name"]: one.get("DefaultValue") for one in document()["Parameters"]}
    settings = model()
    assert defaults == {
        "InputUri": None,
        "AucFloor": settings.auc_floor,
        "MaxDepth": settings.xgboost.max_depth,
        "NumRound": settings.xgboost.num_round,
        "Eta": settings.xgboost.eta,
        "FalseNegativeCost": settings.costs.false_negative,
        "FalsePositiveCost": settings.costs.false_positive,
        "ProcessingInstanceType": settings.processing.instance_type,
        "TrainingInstanceType": settings.training.instance_type,
        "ModelApprovalStatus": "PendingManualApproval",
        "CorrelationId": "none",
    }


def test_every_parameter_is_used() -> None:
    used = {value["Get"] for value in values(document()["Steps"]) if isinstance(value, dict) and "Get" in value}
    assert {f"Parameters.{one['Name']}" for one in document()["Parameters"]} <= used


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


def test_what_a_run_writes_lies_under_its_own_prefix() -> None:
    steps = all_steps(document())
    outputs = [
        output["S3Output"]["S3Uri"]
        for name in ("Preprocess", "Evaluate")
        for output in steps[name]["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    ]
    outputs.append(steps["Train"]["Arguments"]["OutputDataConfig"]["S3OutputPath"])
    runs = f"s3://{definition.SENTINELS['artifact_bucket']}/runs"
    for uri in outputs:
        assert uri["Std:Join"]["On"] == "/"
        assert uri["Std:Join"]["Values"][:2] == [runs, {"Get": "Execution.PipelineExecutionId"}]


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


def test_the_registered_model_tells_its_run_its_input_and_its_report() -> None:
    arguments = all_steps(document())["RegisterModel"]["Arguments"]
    metadata = arguments["CustomerMetadataProperties"]
    assert arguments["ModelPackageGroupName"] == "claims-fraud"
    assert metadata["run"] == {"Get": "Execution.PipelineExecutionId"}
    assert metadata["input_uri"] == {"Get": "Parameters.InputUri"}
    assert metadata["correlation_id"] == {"Get": "Parameters.CorrelationId"}
    assert metadata["report_uri"]["Std:Join"]["Values"][1] == "report.html"
    statistics = arguments["ModelMetrics"]["ModelQuality"]["Statistics"]
    assert statistics["S3Uri"]["Std:Join"]["Values"][1] == "evaluation.json"


@pytest.mark.parametrize("region", ["us-east-1", "ap-northeast-2"])
def test_every_step_uses_the_image_of_its_region(region: str) -> None:
    built = definition.build(model(), region=region)
    account = {"us-east-1": "683313688378", "ap-northeast-2": "366743142698"}[region]
    image = f"{account}.dkr.ecr.{region}.amazonaws.com/sagemaker-xgboost:3.2-0"
    assert {value for value in values(json.loads(built)) if isinstance(value, str) and ".ecr." in value} == {image}
    assert definition.image_uri(region) == image


def test_the_same_settings_make_the_same_text_in_another_process_and_folder(tmp_path: Path) -> None:
    script = (
        "import os; from pipeline_code import definition; from settings import load; model = load().models[0];"
        "os.environ.update(AWS_PROFILE='not-there', AWS_ENDPOINT_URL='http://127.0.0.1:9');"
        f"print(definition.build(model, region={REGION!r}), end='')"
    )
    env = {
        "PATH": os.defpath,
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "7",
        "TZ": "Asia/Seoul",
    }
    run = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert run.stdout == text(), run.stderr
    assert run.stderr == ""


def test_importing_the_module_does_not_import_the_sdk() -> None:
    script = "import sys, pipeline_code.definition; sys.exit('sagemaker' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0


def test_the_environment_and_the_logging_are_as_before() -> None:
    before = dict(os.environ), logging.root.manager.disable
    definition.build(model(), region=REGION)
    assert (dict(os.environ), logging.root.manager.disable) == before


def test_a_call_to_aws_during_the_build_is_an_error_that_names_it() -> None:
    with pytest.raises(definition.AwsCallError, match="iam:GetRole"), offline(REGION):
        boto3.client("iam").get_role(RoleName="role")


def test_a_call_the_sdk_swallows_is_an_error_too() -> None:
    def swallow() -> None:
        try:
            boto3.client("sts").get_caller_identity()
        except Exception:  # noqa: BLE001 - as the SDK does
            return

    with pytest.raises(definition.AwsCallError, match="sts:GetCallerIdentity"), offline(REGION):
        swallow()


def test_fill_replaces_every_stand_in() -> None:
    filled = definition.fill(text(), {name: f"value-of-{name}" for name in definition.SENTINELS})
    assert MARKER not in filled
    assert all(f"value-of-{name}" in filled for name in definition.SENTINELS)
    json.loads(filled)


@pytest.mark.parametrize("name", sorted(definition.SENTINELS))
def test_fill_names_a_missing_value_and_an_unused_stand_in(name: str) -> None:
    given = dict.fromkeys(definition.SENTINELS, "x")
    with pytest.raises(definition.SentinelError, match=name):
        definition.fill(text(), {key: value for key, value in given.items() if key != name})
    with pytest.raises(definition.SentinelError, match=f"does not use '{name}'"):
        definition.fill(text().replace(definition.SENTINELS[name], "gone"), given)


def test_fill_refuses_an_unknown_name_and_a_stand_in_left_over() -> None:
    given = dict.fromkeys(definition.SENTINELS, "x")
    with pytest.raises(definition.SentinelError, match="'job_rule'"):
        definition.fill(text(), {**given, "job_rule": "x"})
    with pytest.raises(definition.SentinelError, match="left in the definition"):
        definition.fill(text() + MARKER, given)


def test_a_model_with_other_settings_still_has_a_valid_definition() -> None:
    other = dataclasses.replace(model(), name="other", auc_floor=0.5)
    built = definition.build(other, region="eu-west-1")
    assert check(built) == []
    assert all_steps(json.loads(built))["RegisterModel"]["Arguments"]["ModelPackageGroupName"] == "other"
