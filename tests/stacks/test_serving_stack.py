"""The stack that the deploy function updates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deploy_model.deploy import RESOURCE_TYPES

from settings import AccountSettings, ModelSettings, load
from stacks.serving import SERVED_TYPES

SERVING = "Dev-Serving-claims-fraud"


def test_it_holds_sagemaker_resources_only_and_none_before_the_first_approval(assembly: Any) -> None:
    template = assembly.templates[SERVING]
    resources = dict(template["Resources"])
    assert resources.pop("Empty") == {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    assert {resource["Type"] for resource in resources.values()} == {
        "AWS::SageMaker::Model",
        "AWS::SageMaker::EndpointConfig",
        "AWS::SageMaker::Endpoint",
    }
    assert {resource["Condition"] for resource in resources.values()} == {"Approved"}
    assert template["Parameters"]["ModelPackageArn"]["Default"] == "none"
    assert template["Conditions"]["Approved"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "ModelPackageArn"}, "none"]}]}


def test_the_deploy_function_names_the_types_its_role_is_limited_to(assembly: Any) -> None:
    types = {resource["Type"] for resource in assembly.templates[SERVING]["Resources"].values()}
    assert set(RESOURCE_TYPES) == set(SERVED_TYPES) == types


def test_the_endpoint_keeps_the_models_name(assembly: Any) -> None:
    (endpoint,) = assembly.resources("AWS::SageMaker::Endpoint", stack=SERVING).values()
    assert endpoint["Properties"]["EndpointName"] == "claims-fraud"


def test_model_and_configuration_are_named_after_the_version(assembly: Any) -> None:
    arn = "arn:aws:sagemaker:ap-northeast-2:111111111111:model-package/claims-fraud/12"
    names = _names(assembly.templates[SERVING], arn)
    assert all(name.startswith("claims-fraud-12-") for name in names.values())
    assert names != _names(assembly.templates[SERVING], arn.replace("/12", "/13"))


def test_the_configuration_gets_another_name_when_its_properties_change(tmp_path: Path) -> None:
    """CloudFormation makes the new configuration before it deletes the old one, so the names must differ."""
    model = load().model("claims-fraud")
    larger = replace(model, endpoint=replace(model.endpoint, instance_count=2))
    before, after = (
        _names(_serving_template(load().account("dev"), one, tmp_path / str(n)), "a/b/1")
        for n, one in enumerate((model, larger))
    )
    assert before["EndpointConfig"] != after["EndpointConfig"]
    assert before["Model"] == after["Model"]


def test_volumes_are_encrypted_with_the_customers_key(assembly: Any) -> None:
    for config in assembly.resources("AWS::SageMaker::EndpointConfig").values():
        assert "Fn::ImportValue" in config["Properties"]["KmsKeyId"]


@pytest.mark.parametrize("removal", ["retain", "destroy"])
def test_removal_decides_what_outlives_the_data_stack(removal: str, tmp_path: Path) -> None:
    from stacks.app import new_app
    from stacks.data import DataStack
    from stacks.naming import Naming

    app = new_app(outdir=tmp_path)
    DataStack(app, "Data", naming=Naming(replace(load().account("dev"), removal=removal)))
    resources = app.synth().get_stack_by_name("Data").template["Resources"].values()
    kept = {r["Type"] for r in resources if r.get("DeletionPolicy", "Delete") != "Delete"}
    assert kept == ({"AWS::S3::Bucket", "AWS::KMS::Key", "AWS::DynamoDB::Table"} if removal == "retain" else set())


def _serving_template(account: AccountSettings, model: ModelSettings, folder: Path) -> dict[str, Any]:
    from aws_cdk import Environment, Stage

    from stacks.app import new_app
    from stacks.data import DataStack
    from stacks.naming import Naming
    from stacks.serving import ServingStack

    app = new_app(outdir=folder)
    stage = Stage(app, "Dev", env=Environment(account=account.account_id, region=account.region))
    data = DataStack(stage, "Data", naming=Naming(account))
    ServingStack(stage, "Serving", model=model, execution_role_arn="arn:aws:iam::1:role/r", key=data.key)
    template: dict[str, Any] = stage.synth().get_stack_by_name("Dev-Serving").template
    return template


def _names(template: dict[str, Any], arn: str) -> dict[str, str]:
    """The names CloudFormation would make of the template for a version."""
    return {
        logical_id: _evaluate(resource["Properties"][f"{logical_id}Name"], arn)
        for logical_id, resource in template["Resources"].items()
        if logical_id in ("Model", "EndpointConfig")
    }


def _evaluate(value: Any, arn: str) -> Any:
    match value:
        case {"Ref": "ModelPackageArn"}:
            return arn
        case {"Fn::Join": [on, parts]}:
            return on.join(_evaluate(part, arn) for part in parts)
        case {"Fn::Split": [on, text]}:
            return _evaluate(text, arn).split(on)
        case {"Fn::Select": [position, parts]}:
            return _evaluate(parts, arn)[int(position)]
        case _:
            return value
