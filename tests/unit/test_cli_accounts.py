"""What the command line reads from the assembly: the accounts, what each waits for, what its stacks need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from millrace.cli import accounts, needs, project
from millrace.cli.connect import Connection, Options
from millrace.cli.needs import Image, Need
from millrace.errors import MillraceError

REGION = "eu-west-1"
IMAGE = f"141502667606.dkr.ecr.{REGION}.amazonaws.com/sagemaker-xgboost:3.2-0"
Json = dict[str, Any]


def function(name: str, **variables: str) -> Json:
    properties = {"FunctionName": name, "Environment": {"Variables": variables}}
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


def serving(count: int, *, most: int = 0, serverless: int = 0) -> Json:
    variant: Json = {"InstanceType": "ml.m5.large", "InitialInstanceCount": count}
    if serverless:
        variant = {"ServerlessConfig": {"MaxConcurrency": serverless, "MemorySizeInMB": 2048}}
    config = {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}}
    target = {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {"MaxCapacity": most}}
    return {"Config": config, **({"Target": target} if most else {})}


def pipeline() -> Json:
    resources = {"InstanceType": {"Get": "Parameters.Type"}, "InstanceCount": 2}
    tuning = {
        "HyperParameterTuningJobConfig": {"ResourceLimits": {"MaxParallelTrainingJobs": 3}},
        "TrainingJobDefinition": {"ResourceConfig": {"InstanceType": "ml.c5.xlarge", "InstanceCount": 1}},
    }
    steps = [
        {"Type": "Processing", "Arguments": {"ProcessingResources": {"ClusterConfig": resources}}},
        {"Type": "Condition", "Arguments": {"IfSteps": [{"Type": "Tuning", "Arguments": tuning}], "ElseSteps": []}},
    ]
    parameters = [{"Name": "Type", "DefaultValue": "ml.m5.xlarge"}]
    text = json.dumps({"Parameters": parameters, "Steps": steps, "Image": IMAGE})
    half = len(text) // 2
    while not text[half - 1 : half + 1].isalpha():
        half += 1
    body = {"Fn::Join": ["", [text[:half], {"Ref": "Bucket"}, text[half:]]]}
    properties = {"PipelineName": "fraud", "PipelineDefinition": {"PipelineDefinitionBody": body}}
    return {"Pipeline": {"Type": "AWS::SageMaker::Pipeline", "Properties": properties}}


def assembly(folder: Path, stages: dict[str, tuple[str, Json]]) -> Path:
    """A cloud assembly with one stack in each stage."""
    artifacts: Json = {}
    for title, (account, resources) in stages.items():
        inner = folder / f"assembly-{title}"
        inner.mkdir(parents=True)
        (inner / "stack.json").write_text(json.dumps({"Resources": resources}))
        stack = {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://{account}/{REGION}",
            "properties": {
                "stackName": f"{title}-Stack",
                "templateFile": "stack.json",
                "requiresBootstrapStackVersion": 6,
                "bootstrapStackVersionSsmParameter": "/cdk-bootstrap/x/version",
            },
        }
        (inner / "manifest.json").write_text(json.dumps({"artifacts": {"Stack": stack}}))
        artifacts[f"assembly-{title}"] = {
            "type": "cdk:cloud-assembly",
            "properties": {"directoryName": inner.name, "displayName": title},
        }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return folder


@pytest.fixture
def three(tmp_path: Path) -> Path:
    dev = {"Start": function("millrace-dev-start-pipeline"), **serving(1), **pipeline()}
    prod = {
        "Deploy": function("millrace-prod-deploy-model", DEPLOYS_ON="Production", AFTER="dev"),
        "Smoke": function("millrace-prod-smoke-test"),
        **serving(2, most=6),
    }
    return assembly(tmp_path / "cdk.out", {"Prod": ("222222222222", prod), "Dev": ("111111111111", dev)})


def test_the_accounts_are_those_of_the_stages_with_what_they_wait_for(three: Path) -> None:
    prod, dev = accounts.known(three)
    assert (dev.name, dev.id, dev.region, dev.trains, dev.stage) == ("dev", "111111111111", REGION, True, "")
    assert (prod.trains, prod.stage, prod.after, prod.smoke_tests) == (False, "Production", "dev", True)


def test_an_account_is_chosen_by_name_or_id_and_else_the_one_that_trains(three: Path) -> None:
    assert str(accounts.chosen("prod", three)) == str(accounts.chosen("222222222222", three)) == "prod"
    assert str(accounts.chosen(None, three)) == "dev"
    assert accounts.chosen("999999999999", three) is None
    with pytest.raises(MillraceError, match=r"'qa': give 12 digits or the name of an account; known: prod \(2222"):
        accounts.chosen("qa", three)


def test_without_an_assembly_no_account_is_known(tmp_path: Path) -> None:
    assert accounts.known(tmp_path) == []
    assert accounts.chosen(None, tmp_path) is None


def test_a_profile_of_another_account_than_the_one_that_is_named_is_refused(
    three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "ASSEMBLY", three)
    monkeypatch.setattr(Connection, "account", "111111111111")

    assert Options(profile="dev", account="dev").connect().profile == "dev"
    with pytest.raises(
        MillraceError, match="the profile dev is of the account 111111111111, but --account prod is 2222"
    ):
        Options(profile="dev", account="prod").connect()


def test_in_the_embedded_aws_a_name_stands_for_the_simulated_account(
    three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "ASSEMBLY", three)
    assert Options(account="prod").place() == ("222222222222", REGION)
    assert Options().place() == ("111111111111", REGION)
    assert Options(account="999999999999").place()[0] == "999999999999"


def test_what_the_stacks_need_is_read_from_endpoints_and_pipelines(three: Path) -> None:
    prod, dev = accounts.known(three)
    found = needs.read(dev, three)
    assert sorted(map(str, found.instances)) == sorted(
        str(Need(use, name, count, owner))
        for use, name, count, owner in [
            ("endpoint", "ml.m5.large", 1, "Dev-Stack"),
            ("processing job", "ml.m5.xlarge", 2, "fraud"),
            ("training job", "ml.c5.xlarge", 3, "fraud"),
        ]
    )
    assert found.images == [Image("141502667606", REGION, "sagemaker-xgboost", "3.2-0")]
    assert (found.bootstrap_version, found.bootstrap_parameter) == (6, "/cdk-bootstrap/x/version")
    assert needs.read(prod, three).instances == [Need("endpoint", "ml.m5.large", 6, "Prod-Stack")]
    assert needs.read(prod, three).scales


def test_an_endpoint_needs_its_instances_twice_while_it_is_updated() -> None:
    asked = needs.most_at_once(
        [Need("endpoint", "m", 2, "a"), Need("endpoint", "m", 1, "b"), Need("training job", "m", 1, "a")]
    )
    assert asked == {("endpoint", "m"): (5, 6), ("training job", "m"): (1, 1)}
