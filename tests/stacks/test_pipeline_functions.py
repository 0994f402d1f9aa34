"""The functions that pipelines call, and what the definitions say of them and of the code."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from stacks.controls.templates import Resource
from tests.stacks.definition_sample import all_steps
from tests.stacks.template_lab import PIPELINE, Lab

LONGEST_STEP_SECONDS = 600
"""SageMaker waits for a function as long, whatever the function's own limit."""


@pytest.fixture(scope="module")
def functions(assembly: Any) -> dict[str, Resource]:
    found = Lab(assembly).templates().resources("AWS::Lambda::Function")
    return {one.properties["FunctionName"].removeprefix("millrace-dev-"): one for one in found}


@pytest.fixture(scope="module")
def steps(assembly: Any) -> dict[str, dict[str, Any]]:
    """The steps of a deployed definition, with what CloudFormation puts into it."""
    pipelines = {one.properties["PipelineName"]: one for one in Lab(assembly).templates().resources(PIPELINE)}
    return all_steps(json.loads(pipelines["claims-fraud"].properties["PipelineDefinition"]["PipelineDefinitionBody"]))


@pytest.mark.parametrize(("step", "name"), [("ResolveChampion", "resolve-champion"), ("ReadVerdict", "read-verdict")])
def test_a_step_calls_the_function_that_is_deployed_with_it(
    steps: dict[str, dict[str, Any]], functions: dict[str, Resource], step: str, name: str
) -> None:
    assert steps[step]["FunctionArn"] == functions[name].arn
    assert functions[name].properties["Handler"] == f"{name.replace('-', '_')}.handler.handler"
    assert functions[name].properties["Timeout"] < LONGEST_STEP_SECONDS


def test_without_a_champion_evaluate_gets_an_object_that_is_deployed_too(
    assembly: Any, functions: dict[str, Resource]
) -> None:
    variables = functions["resolve-champion"].properties["Environment"]["Variables"]
    assert variables["ARTIFACT_BUCKET"] == "millrace-dev-artifacts-111111111111-ap-northeast-2"
    bucket, key = variables["PLACEHOLDER_URI"].removeprefix("s3://").split("/")
    assert bucket == "cdk-hnb659fds-assets-111111111111-ap-northeast-2"
    assert json.loads((assembly.folder / f"asset.{key}").read_text()) == {"champion": None}


def test_the_registry_is_told_the_digest_of_the_code_that_the_steps_run(
    assembly: Any, steps: dict[str, dict[str, Any]]
) -> None:
    entrypoint = steps["Evaluate"]["Arguments"]["AppSpecification"]["ContainerEntrypoint"]
    archive = (assembly.folder / f"asset.{entrypoint[1].rpartition('/')[2]}").read_bytes()
    metadata = steps["RegisterModel"]["Arguments"]["CustomerMetadataProperties"]
    assert metadata["code_digest"] == hashlib.sha256(archive).hexdigest()


def test_metadata_that_are_known_at_synth_are_what_the_registry_takes(steps: dict[str, dict[str, Any]]) -> None:
    from read_verdict.verdict import text

    for name, value in steps["RegisterModel"]["Arguments"]["CustomerMetadataProperties"].items():
        if isinstance(value, str):
            assert text(value) == value, name
