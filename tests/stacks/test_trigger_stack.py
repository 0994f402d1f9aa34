"""What wakes the function that starts runs, what it is told, and what it may do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from millrace.local.events.pattern import Pattern
from settings import AccountSettings, ModelSettings, load
from stacks.controls.templates import Resource, listed
from tests.stacks.template_lab import Lab, no_grants

RAW = "millrace-dev-raw-111111111111-ap-northeast-2"
PIPELINE = "arn:aws:sagemaker:ap-northeast-2:111111111111:pipeline/claims-fraud"
LONGEST_PATTERN = 2048
"""The longest event pattern that EventBridge takes."""


def rule(assembly: Any, name: str) -> Resource:
    (found,) = [r for r in Lab(assembly).templates().resources("AWS::Events::Rule") if r.properties["Name"] == name]
    return found


def upload(key: str, bucket: str = RAW, kind: str = "Object Created") -> dict[str, Any]:
    return {"source": "aws.s3", "detail-type": kind, "detail": {"bucket": {"name": bucket}, "object": {"key": key}}}


def ended(status: str, pipeline: str = PIPELINE) -> dict[str, Any]:
    return {
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Model Building Pipeline Execution Status Change",
        "detail": {"currentPipelineExecutionStatus": status, "pipelineArn": pipeline},
    }


@pytest.mark.parametrize(
    ("event", "matches"),
    [
        (upload("raw/claims-fraud/claims/2026 11.csv"), True),
        (upload("raw/claims-fraud/claims/a+b%20c.CSV"), True),
        (upload("raw/claims-fraud/claims/보험/\N{GRINNING FACE}\n.csv"), True),
        (upload("raw/claims-fraud/claims/a/../b\\c.csv"), True),
        (upload("raw/claims-fraud/no-such-table/a.csv"), True),  # the function tells that there is none
        (upload("raw/claims-fraud/claims/a.csv.tmp"), False),
        (upload("raw/claims-fraud/claims/_SUCCESS"), False),
        (upload("raw/claims-fraud/claims/"), False),
        (upload("raw/claims-fraud-2/claims/a.csv"), False),
        (upload("RAW/claims-fraud/claims/a.csv"), False),
        (upload("raw/claims-fraud/claims/a.csv", bucket="another"), False),
        (upload("raw/claims-fraud/claims/a.csv", kind="Object Deleted"), False),
    ],
)
def test_uploads_of_the_models_files_reach_the_queue(assembly: Any, event: dict[str, Any], matches: bool) -> None:
    found = rule(assembly, "millrace-dev-upload-claims-fraud")
    assert Pattern.parse(found.properties["EventPattern"]).matches(event) is matches


@pytest.mark.parametrize(
    ("event", "matches"),
    [
        *((ended(status), True) for status in ("Succeeded", "Failed", "Stopped")),
        *((ended(status), False) for status in ("Executing", "Stopping")),
        (ended("Succeeded", pipeline=PIPELINE + "-2"), False),
    ],
)
def test_the_end_of_a_run_reaches_the_queue_however_it_ended(
    assembly: Any, event: dict[str, Any], matches: bool
) -> None:
    found = rule(assembly, "millrace-dev-run-end-claims-fraud")
    assert Pattern.parse(found.properties["EventPattern"]).matches(event) is matches


def test_a_rule_tries_for_a_day_and_then_keeps_the_event(assembly: Any) -> None:
    for found in Lab(assembly).templates().resources("AWS::Events::Rule"):
        for target in found.properties["Targets"]:
            assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
            assert target["DeadLetterConfig"]["Arn"].endswith("-dlq")
        assert len(json.dumps(found.properties["EventPattern"])) < LONGEST_PATTERN
        assert len(found.properties["Name"]) <= 64


def test_the_function_is_small_patient_and_knows_its_ledger_and_queues(assembly: Any) -> None:
    (function,) = assembly.resources("AWS::Lambda::Function", stack="Dev-Trigger").values()
    properties = function["Properties"]
    assert (properties["MemorySize"], properties["Timeout"]) == (256, 300)
    assert set(properties["Environment"]["Variables"]) == {
        "RAW_BUCKET",
        "ARTIFACT_BUCKET",
        "LEDGER_TABLE",
        "QUEUE_URL",
        "DEAD_LETTERS_URL",
    }


def test_the_settings_of_the_models_travel_with_the_function(assembly: Any) -> None:
    (function,) = assembly.resources("AWS::Lambda::Function", stack="Dev-Trigger").values()
    asset = assembly.folder / f"asset.{function['Properties']['Code']['S3Key'].removesuffix('.zip')}"
    told = json.loads((asset / "models.json").read_text("utf-8"))
    assert told == {model.name: model.trigger_spec() for model in load().models}


def test_the_stack_tells_the_command_line_which_tables_there_are(assembly: Any) -> None:
    outputs = assembly.templates["Dev-Trigger"]["Outputs"]
    told = [json.loads(output["Value"]) for name, output in outputs.items() if name.startswith("Model")]
    assert next(one for one in told if one["model"] == "claims-fraud") == {
        "model": "claims-fraud",
        "tables": ["claims", "customers"],
        "suffixes": [".csv"],
        "debounce_seconds": load().model("claims-fraud").trigger.debounce_seconds,
    }


def test_the_ledger_is_encrypted_restorable_protected_and_forgets_what_expires(assembly: Any) -> None:
    (table,) = Lab(assembly).templates().resources("AWS::DynamoDB::Table")
    properties = table.properties
    assert properties["TableName"] == "millrace-dev-ledger"
    assert {key["AttributeName"]: key["KeyType"] for key in properties["KeySchema"]} == {
        "model": "HASH",
        "item": "RANGE",
    }
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["SSESpecification"]["KMSMasterKeyId"].startswith("arn:aws:kms:")
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert properties["DeletionProtectionEnabled"] is True


def test_who_chose_to_destroy_data_with_their_stack_can_delete_the_ledger(tmp_path: Path) -> None:
    from stacks.app import new_app
    from stacks.data import DataStack
    from stacks.naming import Naming

    app = new_app(outdir=tmp_path)
    naming = Naming(replace(load().account("dev"), removal="destroy"))
    DataStack(app, "Data", naming=naming, grants=no_grants(naming))
    resources = app.synth().get_stack_by_name("Data").template["Resources"].values()
    (table,) = [r for r in resources if r["Type"] == "AWS::DynamoDB::Table"]
    assert table["Properties"]["DeletionProtectionEnabled"] is False


def test_only_the_starter_touches_the_ledger_and_never_the_table_itself(assembly: Any) -> None:
    by_policy = {
        policy: {action for action in listed(statement["Action"]) if action.startswith("dynamodb:")}
        for policy, statement in assembly.statements()
        if "dynamodb:" in json.dumps(statement["Action"])
    }
    assert set(by_policy) == {"millrace-dev-start-pipeline"}
    (actions,) = by_policy.values()
    assert not [action for action in actions if "Table" in action or "Scan" in action]


def test_a_second_model_has_rules_of_its_own_and_the_queue_one_statement_for_all(tmp_path: Path) -> None:
    first = load().model("claims-fraud")
    longer = replace(first.trigger, suffixes=(".csv", ".txt"))
    template = trigger_template(load().account("dev"), [first, replace(first, name="other", trigger=longer)], tmp_path)
    rules = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::Events::Rule"]
    assert [r["Name"].removeprefix("millrace-dev-") for r in rules] == [
        "upload-claims-fraud",
        "run-end-claims-fraud",
        "upload-other",
        "run-end-other",
    ]
    keys = rules[2]["EventPattern"]["detail"]["object"]["key"]
    assert [key["wildcard"].rpartition("*")[2] for key in keys] == [".csv", ".CSV", ".txt", ".TXT"]
    for policy in (r for r in template["Resources"].values() if r["Type"] == "AWS::SQS::QueuePolicy"):
        allowed = [s for s in policy["Properties"]["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]
        assert [len(s["Condition"]["ArnEquals"]["aws:SourceArn"]) for s in allowed] == [4]
    assert json.loads(template["Outputs"]["Model1"]["Value"])["model"] == "other"


def trigger_template(account: AccountSettings, models: list[ModelSettings], folder: Path) -> dict[str, Any]:
    from aws_cdk import Environment, Stage
    from aws_cdk.aws_iam import ManagedPolicy, PermissionsBoundary

    from stacks.app import new_app
    from stacks.data import DataStack
    from stacks.naming import Naming
    from stacks.trigger import TriggerStack

    naming = Naming(account)
    stage = Stage(new_app(outdir=folder), "Dev", env=Environment(account=account.account_id, region=account.region))
    data = DataStack(stage, "Data", naming=naming, grants=no_grants(naming))
    boundary = ManagedPolicy.from_managed_policy_name(data, "Boundary", naming.of("boundary"))
    PermissionsBoundary.of(stage).apply(boundary)
    TriggerStack(
        stage,
        "Trigger",
        naming=naming,
        models=models,
        key=data.key,
        raw_bucket=data.raw_bucket,
        artifact_bucket=data.artifact_bucket,
        artifact_key=data.artifact_key,
        ledger=data.ledger,
    )
    template: dict[str, Any] = stage.synth().get_stack_by_name("Dev-Trigger").template
    return template
