"""The pipeline that deploys, for a model that asks for it: what is made then, and what its roles may do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline_code import definition_deploy
from settings import load
from settings.deploy import DeploySettings
from stacks.controls.templates import listed
from stacks.definition_validator import check
from tests.once import once
from tests.stacks.conftest import read_assembly
from tests.stacks.policy_lab import Question, Roles
from tests.stacks.template_lab import Lab, read_toml

MODEL, ROLE = "claims-fraud", "millrace-dev-deploy-pipeline"
LISTS = read_toml("never.toml")
OPTION = LISTS["option"]
ANSWERS = {"sagemaker:SendPipelineExecutionStepFailure", "sagemaker:SendPipelineExecutionStepSuccess"}


@pytest.fixture(scope="module")
def piped(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The training account of settings in which one model asks for the pipeline."""
    from stacks.account_stage import AccountStage
    from stacks.app import new_app

    def make(folder: Path) -> None:
        loaded = load()
        models = tuple(
            replace(model, deploy=DeploySettings(pipeline=True)) if model.name == MODEL else model
            for model in loaded.models
        )
        app = new_app(outdir=folder)
        AccountStage(app, "Dev", account=loaded.training_account, settings=replace(loaded, models=models))
        app.synth()

    return read_assembly(once(tmp_path_factory, "piped", make))


def steps(assembly: Any) -> dict[str, dict[str, Any]]:
    found = Lab(assembly).templates().resources("AWS::SageMaker::Pipeline")
    (one,) = [each for each in found if each.properties["PipelineName"] == f"{MODEL}-deploy"]
    definition = json.loads(one.properties["PipelineDefinition"]["PipelineDefinitionBody"])
    behind = definition["Steps"][1]["Arguments"]
    return {step["Name"]: step for step in (*definition["Steps"], *behind["IfSteps"], *behind["ElseSteps"])}


def test_only_the_model_that_asks_for_it_has_the_pipeline(piped: Any, assembly: Any) -> None:
    def names(of: Any) -> set[str]:
        return {each["Properties"]["PipelineName"] for each in of.resources("AWS::SageMaker::Pipeline").values()}

    assert names(piped) - names(assembly) == {f"{MODEL}-deploy"}


def test_without_it_nothing_of_it_is_there(assembly: Any) -> None:
    everything = json.dumps(assembly.templates)
    assert "SendPipelineExecutionStep" not in everything
    assert "deploy-pipeline" not in everything
    (function,) = [
        each["Properties"]
        for each in assembly.resources("AWS::Lambda::Function", stack="Dev-Deploy").values()
        if each["Properties"]["FunctionName"] == "millrace-dev-deploy-model"
    ]
    assert "QUEUE_URL" not in function["Environment"]["Variables"]


def test_with_it_no_other_stack_changes_but_the_boundary_and_what_deploys(piped: Any, assembly: Any) -> None:
    def others(of: Any) -> dict[str, Any]:
        return {name: body for name, body in of.templates.items() if name not in ("Dev-Access", "Dev-Deploy")}

    assert others(piped) == others(assembly)


def test_its_steps_call_the_function_that_approvals_call_and_wait_for_its_answer(piped: Any) -> None:
    found = steps(piped)
    named = {"model": MODEL, "version": {"Get": "Parameters.ModelPackageArn"}}
    assert found["Deploy"]["FunctionArn"].endswith(":function:millrace-dev-deploy-model")
    assert found["Deploy"]["Arguments"] == found["Served"]["Arguments"] == named
    assert found["Served"]["SqsQueueUrl"].endswith("millrace-dev-deploy-model")
    assert found["Refused"]["Arguments"]["ErrorMessage"] == {"Get": "Steps.Deploy.OutputParameters['reason']"}


def test_the_definition_is_valid_and_always_the_same() -> None:
    text = definition_deploy.build(MODEL, region="ap-northeast-2")
    assert check(text) == []
    assert definition_deploy.build(MODEL, region="ap-northeast-2") == text


def test_the_function_may_answer_runs_of_this_pipeline_alone(piped: Any) -> None:
    (policy, statement) = next((p, s) for p, s in piped.statements() if ANSWERS & set(listed(s["Action"])))
    assert policy == "millrace-dev-deploy-model"
    assert set(statement["Action"]) == ANSWERS
    assert statement["Resource"] == (
        f"arn:aws:sagemaker:ap-northeast-2:111111111111:pipeline/{MODEL}-deploy/execution/*"
    )


@pytest.mark.parametrize(
    ("role", "line"),
    [
        *((role, line) for role, lists in OPTION.items() for line in lists["never"]),
        *((ROLE, line) for line in LISTS["everyone"]["never"] if line not in OPTION[ROLE]["may"]),
    ],
)
def test_it_is_never_allowed(piped: Any, role: str, line: str) -> None:
    roles = Roles(piped)
    decision = roles.decide(roles.all()[role], Question.read(line, **roles.names))
    assert not decision.allowed, decision


@pytest.mark.parametrize(("role", "line"), [(role, line) for role, lists in OPTION.items() for line in lists["may"]])
def test_it_is_allowed_what_it_is_for(piped: Any, role: str, line: str) -> None:
    roles = Roles(piped)
    decision = roles.decide(roles.all()[role], Question.read(line, **roles.names))
    assert decision.allowed, decision
