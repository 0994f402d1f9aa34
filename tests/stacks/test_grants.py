"""What the training account grants to the others: to exact roles, one statement each, and none too many."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deploy_model.messages import LOOK

from settings import load
from stacks.controls.templates import listed
from stacks.version_rights import REGISTERED
from tests.stacks.policy_lab import Question, Roles
from tests.stacks.template_lab import IDS, MODELS, Lab, read_toml

ROOT = Path(__file__).parents[2]
POLICIES = {
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::SageMaker::ModelPackageGroup": "ModelPackageGroupPolicy",
}
OTHERS = [name for name in IDS if name != "dev"]
GRANTS = {
    "DeployersMayReadVersions": ("deploy-model", "smoke-test", "serving-update"),
    "DeployersMayMakeModels": ("serving-update",),
    "DeployersMayRecordAndReject": ("deploy-model", "smoke-test"),
    "DeployersMayReadModels": ("deploy-model", "smoke-test", "endpoint"),
    "DeployersMayListModels": ("deploy-model", "smoke-test", "endpoint"),
    "DeployersMayDecryptModels": ("deploy-model", "smoke-test", "endpoint"),
}
NEEDED = [
    (purpose, line)
    for purpose, lists in read_toml("never.toml")["elsewhere"].items()
    for line in lists.get("may", ())
    if "account=111111111111" in line
]


def test_each_names_the_accounts_and_the_exact_roles_which_need_not_exist_yet(assembly: Any) -> None:
    granted = dict(_foreign(Lab(assembly)))
    granted.pop("DeploymentsMayMakeModels")
    assert set(granted) == set(GRANTS)
    for sid, statement in granted.items():
        assert listed(statement["Principal"]["AWS"]) == [f"arn:aws:iam::{IDS[name]}:root" for name in OTHERS], sid
        assert listed(statement["Condition"]["ArnEquals"]["aws:PrincipalArn"]) == [
            f"arn:aws:iam::{IDS[name]}:role/millrace-{name}-{purpose}" for name in OTHERS for purpose in GRANTS[sid]
        ], sid


def test_a_setting_of_an_endpoint_can_be_deployed_by_people_too(assembly: Any) -> None:
    """Another network or kind needs another model of the version that is served, and CDK's role makes it."""
    statement = dict(_foreign(Lab(assembly)))["DeploymentsMayMakeModels"]
    assert listed(statement["Action"]) == ["sagemaker:CreateModel", "sagemaker:DescribeModelPackage"]
    assert listed(statement["Condition"]["ArnEquals"]["aws:PrincipalArn"]) == [
        f"arn:aws:iam::{IDS[name]}:role/cdk-hnb659fds-cfn-exec-role-{IDS[name]}-ap-northeast-2" for name in OTHERS
    ]


def test_the_functions_know_the_statements_by_the_same_names() -> None:
    """They tell which one is missing when they are refused."""
    told = (ROOT / "lambda" / "shared" / "grants.py").read_text("utf-8")
    assert set(re.findall(r'"(DeployersMay\w+)"', told)) == set(GRANTS)


def test_the_key_of_raw_data_is_not_shared(assembly: Any) -> None:
    keys = {
        key.logical_id[:-8]: json.dumps(key.properties) for key in Lab(assembly).templates().resources("AWS::KMS::Key")
    }
    assert [name for name, text in keys.items() if any(IDS[other] in text for other in OTHERS)] == ["ArtifactKey"]


@pytest.mark.parametrize("sid", GRANTS)
def test_without_one_of_them_something_that_a_deployment_does_is_denied(
    assembly: Any, elsewhere: dict[str, Any], sid: str
) -> None:
    whole = {line for _, line in _denied(assembly, elsewhere)}
    without = replace(assembly, templates=_without(assembly.templates, sid))
    assert whole == set()
    denied = {purpose for purpose, _ in _denied(without, elsewhere)}
    assert denied == set(GRANTS[sid])


def test_what_registration_writes_of_a_version_is_no_roles_to_change(assembly: Any) -> None:
    """A new key of the definition has to be added in stacks/version_rights.py, too."""
    written = set()
    for pipeline in Lab(assembly).templates().resources("AWS::SageMaker::Pipeline"):
        body = json.loads(pipeline.properties["PipelineDefinition"]["PipelineDefinitionBody"])
        written |= set(_metadata(body))
    assert written == set(REGISTERED)


def test_an_account_that_is_alone_grants_nothing(tmp_path: Any) -> None:
    from stacks.account_stage import AccountStage
    from stacks.app import new_app

    loaded = load()
    alone = replace(loaded, accounts=(loaded.account("dev"),), models=loaded.models[:1])
    app = new_app(outdir=tmp_path)
    AccountStage(app, "Dev", account=alone.account("dev"), settings=alone)
    text = json.dumps([stack.template for stack in app.synth().get_nested_assembly("assembly-Dev").stacks])
    assert "DeployersMay" not in text
    assert "millrace-dev-forward" not in text


def test_the_registrys_events_go_to_the_bus_of_each_other_account(assembly: Any) -> None:
    (rule,) = [
        rule
        for rule in Lab(assembly).templates().resources("AWS::Events::Rule")
        if rule.properties["Name"] == "millrace-dev-forward"
    ]
    assert rule.properties["EventPattern"]["detail"]["ModelPackageGroupName"] == [*MODELS]
    assert [target["Arn"] for target in rule.properties["Targets"]] == [
        f"arn:aws:events:ap-northeast-2:{IDS[name]}:event-bus/millrace-{name}-registry" for name in OTHERS
    ]
    for target in rule.properties["Targets"]:
        assert target["RoleArn"] == "arn:aws:iam::111111111111:role/millrace-dev-forward"
        assert target["DeadLetterConfig"]["Arn"].endswith(":millrace-dev-forward-dlq")


def test_one_role_may_put_events_of_sagemaker_on_a_bus_and_its_rule_empties_it(elsewhere: dict[str, Any]) -> None:
    for name, assembly in elsewhere.items():
        (policy,) = Lab(assembly).templates().resources("AWS::Events::EventBusPolicy")
        statement = policy.properties["Statement"]
        assert statement["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"}
        assert statement["Condition"] == {
            "ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::111111111111:role/millrace-dev-forward"},
            "StringEquals": {"events:source": "aws.sagemaker"},
        }
        rules = {
            rule.properties["Name"].removeprefix(f"millrace-{name}-deploy-model-"): rule.properties.get("EventBusName")
            for rule in Lab(assembly).templates().resources("AWS::Events::Rule")
            if "deploy-model" in rule.properties["Name"]
        }
        assert rules == {"approval": f"millrace-{name}-registry", "stackstatus": None}


def test_the_functions_know_their_account_the_registry_and_what_they_wait_for(elsewhere: dict[str, Any]) -> None:
    functions = {
        function.properties["FunctionName"]: function.properties["Environment"]["Variables"]
        for function in Lab(elsewhere["prod"]).templates().resources("AWS::Lambda::Function")
    }
    told = functions["millrace-prod-deploy-model"]
    assert (told["ACCOUNT"], told["DEPLOYS_ON"], told["AFTER"]) == ("prod", "Production", "staging")
    assert told["ARTIFACT_BUCKET"] == "millrace-dev-artifacts-111111111111-ap-northeast-2"
    group = "arn:aws:sagemaker:ap-northeast-2:111111111111:model-package-group"
    assert json.loads(told["GROUPS"]) == {model: f"{group}/{model}" for model in MODELS}
    assert json.loads(told["SERVING_STACKS"]) == {model: f"Prod-Serving-{model}" for model in MODELS}
    tested = functions["millrace-prod-smoke-test"]
    same = ("ACCOUNT", "GROUPS", "SERVING_STACKS", "ARTIFACT_BUCKET")
    assert {name: tested[name] for name in same} == {name: told[name] for name in same}


def test_accounts_without_the_registry_look_into_it_every_hour(assembly: Any, elsewhere: dict[str, Any]) -> None:
    for name, serving in elsewhere.items():
        (schedule,) = Lab(serving).templates().resources("AWS::Scheduler::Schedule")
        assert schedule.properties["ScheduleExpression"] == "rate(1 hour)"
        assert schedule.properties["Target"]["Arn"].endswith(f":millrace-{name}-deploy-model")
        assert json.loads(schedule.properties["Target"]["Input"]) == LOOK
    names = {schedule["Properties"]["Name"] for schedule in assembly.resources("AWS::Scheduler::Schedule").values()}
    assert not [name for name in names if "deploy" in name]


def test_every_stack_lists_the_assets_of_its_own_account_alone(assembly: Any) -> None:
    """Whoever deploys one account has no rights in the buckets of the others."""
    for manifest in assembly.folder.glob("assembly-*/*.assets.json"):
        account = IDS[manifest.parent.name.removeprefix("assembly-").lower()]
        for asset in json.loads(manifest.read_text("utf-8"))["files"].values():
            for place in asset["destinations"].values():
                assert f"-{account}-" in place["bucketName"], manifest.name


def _foreign(lab: Lab) -> Iterator[tuple[str, dict[str, Any]]]:
    """By Sid the statements of the training account's resources that name another account."""
    templates = lab.templates()
    for type_, key in POLICIES.items():
        for resource in templates.resources(type_):
            for statement in resource.properties.get(key, {}).get("Statement", ()):
                principal = statement.get("Principal")
                if isinstance(principal, dict) and any(IDS[name] in json.dumps(principal) for name in OTHERS):
                    yield statement["Sid"], statement


def _denied(assembly: Any, elsewhere: dict[str, Any]) -> list[tuple[str, str]]:
    roles = Roles(elsewhere["prod"], account="prod", home=assembly)
    names = {"home_key": Roles(assembly).names["artifact_key"], **roles.names}
    return [
        (purpose, line)
        for purpose, line in NEEDED
        if not roles.decide(roles.all()[f"millrace-prod-{purpose}"], Question.read(line, **names)).allowed
    ]


def _without(templates: dict[str, Any], sid: str) -> dict[str, Any]:
    copied = copy.deepcopy(templates)
    for template in copied.values():
        for resource in template["Resources"].values():
            document = resource.get("Properties", {}).get(POLICIES.get(resource["Type"], ""))
            if document:
                document["Statement"] = [each for each in document["Statement"] if each.get("Sid") != sid]
    return copied


def _metadata(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value.get("CustomerMetadataProperties", {})
        for each in value.values():
            yield from _metadata(each)
    elif isinstance(value, list):
        for each in value:
            yield from _metadata(each)
