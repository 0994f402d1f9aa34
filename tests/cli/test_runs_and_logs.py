"""`millrace runs` and `logs` tell what happened in a pipeline, whoever made it."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def condition(right: float) -> dict[str, Any]:
    """A pipeline of one condition: 1 is compared with the value given, and a Fail step is the other way out."""
    greater = {"Type": "GreaterThan", "LeftValue": 1.0, "RightValue": right}
    stop = {"Name": "BelowFloor", "Type": "Fail", "Arguments": {"ErrorMessage": "not good enough"}}
    gate = {"Conditions": [greater], "IfSteps": [], "ElseSteps": [stop]}
    steps = [{"Name": "Gate", "Type": "Condition", "Arguments": gate}]
    return {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": steps}


@pytest.fixture
def pipeline(shell: Any) -> Any:
    """Make a pipeline and start it; answers its name and the id of the run."""

    def make(right: float) -> tuple[str, str]:
        name = f"cli-{uuid.uuid4().hex[:8]}"
        role = shell.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
        sagemaker = shell.client("sagemaker")
        sagemaker.create_pipeline(
            PipelineName=name,
            PipelineDefinition=json.dumps(condition(right)),
            RoleArn=role["Arn"],
            ClientRequestToken=uuid.uuid4().hex,
        )
        arn = sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
        return name, arn.rsplit("/", 1)[-1]

    return make


def test_a_run_that_failed_is_told_with_its_step_and_reason_and_exit_code_1(shell: Any, pipeline: Any) -> None:
    name, run = pipeline(2.0)

    followed = shell("runs", run, "--follow", "--model", name)
    afterwards = shell("runs", run[:8])

    for answer in (followed, afterwards):
        assert answer.code == 1
        assert "BelowFloor" in answer.out
        assert "not good enough" in answer.out
        assert "Failed after" in answer.out


def test_a_run_that_succeeded_is_exit_code_0(shell: Any, pipeline: Any) -> None:
    name, run = pipeline(0.5)

    answer = shell("runs", "latest", "--follow", "--model", name)

    assert answer.code == 0
    assert run in answer.out
    assert "Succeeded after" in answer.out


def test_the_list_shows_each_run_with_its_model_and_state(shell: Any, pipeline: Any) -> None:
    name, run = pipeline(0.5)
    shell("runs", run, "--follow")

    lines = shell("runs", "--model", name).out.splitlines()

    assert lines[0].split() == ["run", "model", "state", "started", "took", "cause", "files", "reason"]
    assert lines[1].split()[:3] == [run, name, "Succeeded"]


def test_an_unknown_run_is_told_with_what_there_is(shell: Any, pipeline: Any) -> None:
    pipeline(0.5)

    answer = shell("runs", "nonsense")

    assert answer.code == 1
    assert "'nonsense' is no run: `millrace runs` lists them" in answer.err


def test_logs_of_an_unknown_step_name_the_steps_there_are(shell: Any, pipeline: Any) -> None:
    _, run = pipeline(0.5)
    shell("runs", run, "--follow")

    answer = shell("logs", run, "--step", "Train")

    assert answer.code == 1
    assert "has no step 'Train' so far; it has Gate" in answer.err


def test_a_debug_run_shows_the_traceback(shell: Any) -> None:
    with pytest.raises(Exception, match="no run"):
        shell("runs", "nonsense", "--debug")
