"""Deployment as a pipeline, as the workshop has it: approve, start it, and its run ends when the version is served."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import MODEL, ROOT, Deployed
from tests.once import once

PIPELINE = f"{MODEL}-deploy"
OPTION = "# [deploy]\n# pipeline = true\n"


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`cdk.out` of the shipped settings with the option taken out of its comment."""

    def make(folder: Path) -> None:
        for name in ("settings", "stacks", "pipeline_code", "lambda"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("app.py", "cdk.json"):
            shutil.copyfile(ROOT / name, folder / name)
        models = folder / "settings" / "models"
        for other in models.glob("*.toml"):
            if other.stem != MODEL:
                other.unlink()
        text = (models / f"{MODEL}.toml").read_text("utf-8")
        assert text.count(OPTION) == 1, "the option is shown in a comment"
        (models / f"{MODEL}.toml").write_text(text.replace(OPTION, OPTION.replace("# ", "")), "utf-8")
        env = {**os.environ, "CDK_OUTDIR": str(folder / "cdk.out"), "CDK_VALIDATION": "false"}
        command = [sys.executable, "app.py"]
        ended = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
        if ended.returncode:
            pytest.fail(ended.stdout + ended.stderr, pytrace=False)

    return once(tmp_path_factory, "assembly-with-deploy-pipeline", make) / "cdk.out"


@pytest.fixture(scope="module")
def deployed(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    from tests.conftest import Embedded

    embedded = Embedded(tmp_path_factory.mktemp("deploy-pipeline"))
    try:
        world = Deployed(embedded, assembly)
        world.millrace("deploy", "Dev/*", "--assembly", str(assembly), "--no-synth")
        yield world
    finally:
        embedded.stop()


@pytest.fixture(scope="module")
def version(deployed: Deployed, tables: Path) -> str:
    """What a run has registered, waiting for someone's approval."""
    deployed.millrace("drop", str(tables / "claims.csv"), str(tables / "customers.csv"))
    [execution] = deployed.until("the start of a run", deployed.executions)
    assert deployed.finished(execution["PipelineExecutionArn"])["PipelineExecutionStatus"] == "Succeeded"
    [package] = deployed.client("sagemaker").list_model_packages(ModelPackageGroupName=MODEL)["ModelPackageSummaryList"]
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    return str(package["ModelPackageArn"])


def start(deployed: Deployed, version: str) -> str:
    """Start the pipeline by the plain AWS CLI; the execution's ARN once it has ended."""
    parameter = json.dumps([{"Name": "ModelPackageArn", "Value": version}])
    command = ("sagemaker", "start-pipeline-execution", "--pipeline-name", PIPELINE)
    arn = json.loads(deployed.aws(*command, "--pipeline-parameters", parameter))["PipelineExecutionArn"]
    deployed.finished(arn)
    return str(arn)


def state(deployed: Deployed, arn: str) -> dict[str, Any]:
    return dict(deployed.client("sagemaker").describe_pipeline_execution(PipelineExecutionArn=arn))


def served(deployed: Deployed) -> str:
    [stack] = deployed.client("cloudformation").describe_stacks(StackName=f"Dev-Serving-{MODEL}")["Stacks"]
    return next(each["ParameterValue"] for each in stack["Parameters"] if each["ParameterKey"] == "ModelPackageArn")


def test_a_version_that_nobody_approved_ends_the_run_with_the_reason(deployed: Deployed, version: str) -> None:
    arn = start(deployed, version)
    assert state(deployed, arn)["PipelineExecutionStatus"] == "Failed"
    refused = deployed.steps(arn)["Refused"]
    assert f"{MODEL}/1 is PendingManualApproval; approve it first" in refused["FailureReason"]
    assert "Served" not in deployed.steps(arn)
    assert served(deployed) == "none"


def test_an_approved_version_is_served_and_tested_when_the_run_ends(deployed: Deployed, version: str) -> None:
    approval = ("--model-package-arn", version, "--model-approval-status", "Approved")
    deployed.aws("sagemaker", "update-model-package", *approval)
    arn = start(deployed, version)
    assert state(deployed, arn)["PipelineExecutionStatus"] == "Succeeded", deployed.steps(arn)
    assert served(deployed) == version
    answer = deployed.steps(arn)["Served"]["Metadata"]["Callback"]["OutputParameters"]
    package = deployed.client("sagemaker").describe_model_package(ModelPackageName=version)
    assert answer == [{"Name": "reason", "Value": package["CustomerMetadataProperties"]["dev_smoke"]}]
    assert answer[0]["Value"].startswith("passed ")


def test_what_is_served_already_is_no_reason_to_wait(deployed: Deployed, version: str) -> None:
    before = deployed.client("cloudformation").describe_stacks(StackName=f"Dev-Serving-{MODEL}")["Stacks"]
    arn = start(deployed, version)
    assert state(deployed, arn)["PipelineExecutionStatus"] == "Succeeded", deployed.steps(arn)
    assert deployed.client("cloudformation").describe_stacks(StackName=f"Dev-Serving-{MODEL}")["Stacks"] == before
