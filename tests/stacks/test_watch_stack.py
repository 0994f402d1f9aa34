"""The alarms: what they watch really exists, what silence means, and who is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from settings import AccountAlarms, load
from stacks.controls.templates import Resource
from tests.stacks.template_lab import MODELS, Lab

TOPIC = "arn:aws:sns:ap-northeast-2:111111111111:millrace-dev-alarms"


@pytest.fixture(scope="module")
def alarms(assembly: Any) -> dict[str, dict[str, Any]]:
    """The properties of each alarm by its name, without the account's prefix."""
    return {name.removeprefix("millrace-dev-"): found for name, found in _watched(assembly)}


def _watched(assembly: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The alarms of the watch stack; those of endpoints are theirs."""
    for one in Lab(assembly).templates().resources("AWS::CloudWatch::Alarm"):
        if one.template.endswith("-Watch"):
            yield one.properties["AlarmName"], dict(one.properties)


def names(assembly: Any, type_: str, key: str) -> set[str]:
    return {one.properties[key] for one in Lab(assembly).templates().resources(type_)}


def dimensions(alarm: dict[str, Any]) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in alarm.get("Dimensions", ())}


def test_queues_functions_the_schedule_and_each_model_are_watched(alarms: dict[str, dict[str, Any]]) -> None:
    workers = [f"{worker}-{what}" for worker in (*TRAINING, *SERVING) for what in WORKER_ALARMS]
    called = ("resolve-champion-errors", "read-verdict-errors", "pipeline-functions-dead-letters", "forward-failed")
    assert set(alarms) == {*workers, *called, "schedule-silent", *(f"model-age-{model}" for model in MODELS)}


def test_an_account_that_only_serves_watches_what_it_has(elsewhere: dict[str, Any]) -> None:
    for account, assembly in elsewhere.items():
        watched = {name for name, _ in _watched(assembly)}
        assert watched == {f"millrace-{account}-{worker}-{what}" for worker in SERVING for what in WORKER_ALARMS}


TRAINING, SERVING = ("start-pipeline", "start-batch"), ("deploy-model", "smoke-test")
WORKER_ALARMS = ("queue-age", "dead-letters", "errors")


def test_what_is_watched_exists(assembly: Any, alarms: dict[str, dict[str, Any]]) -> None:
    """A misspelt dimension is an alarm that never rings."""
    known = {
        "QueueName": names(assembly, "AWS::SQS::Queue", "QueueName"),
        "FunctionName": names(assembly, "AWS::Lambda::Function", "FunctionName"),
        "Model": names(assembly, "AWS::SageMaker::Pipeline", "PipelineName"),
    }
    watched = [(name, value) for alarm in alarms.values() for name, value in dimensions(alarm).items()]
    assert [(name, value) for name, value in watched if value not in known[name]] == []
    assert {value for name, value in watched if name == "QueueName"} == known["QueueName"]


def test_a_message_that_is_retried_once_does_not_ring(assembly: Any, alarms: dict[str, dict[str, Any]]) -> None:
    hidden = {
        queue.properties["QueueName"]: queue.properties.get("VisibilityTimeout", 0)
        for queue in Lab(assembly).templates().resources("AWS::SQS::Queue")
    }
    ages = [alarm for name, alarm in alarms.items() if name.endswith("queue-age")]
    assert len(ages) == 4
    for alarm in ages:
        assert alarm["Threshold"] > hidden[dimensions(alarm)["QueueName"]]


def test_one_dead_letter_or_one_crash_rings(alarms: dict[str, dict[str, Any]]) -> None:
    for name, alarm in alarms.items():
        if name.endswith(("dead-letters", "errors")):
            assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold"), name
            assert alarm["TreatMissingData"] == "notBreaching", name


def test_an_account_that_is_not_deployed_rings_for_each_version_and_then_stops(
    alarms: dict[str, dict[str, Any]],
) -> None:
    """What could not be forwarded stays in its queue for two weeks; the alarm must not last as long."""
    alarm = alarms["forward-failed"]
    assert (alarm["MetricName"], dimensions(alarm)) == (
        "NumberOfMessagesSent",
        {"QueueName": "millrace-dev-forward-dlq"},
    )
    assert alarm["TreatMissingData"] == "notBreaching"


def test_silence_of_the_schedule_rings(alarms: dict[str, dict[str, Any]]) -> None:
    alarm = alarms["schedule-silent"]
    asked = {query["Id"]: query for query in alarm["Metrics"]}
    looks = asked.pop("looks")["MetricStat"]
    assert (looks["Metric"], looks["Stat"]) == ({"Namespace": "Millrace/Trigger", "MetricName": "ScheduledLook"}, "Sum")
    (judged,) = asked.values()
    assert judged["Expression"] == "FILL(looks, 0)"
    assert (looks["Period"], alarm["EvaluationPeriods"]) == (3600, 2)
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "LessThanThreshold")
    assert alarm["TreatMissingData"] == "breaching"


def test_an_old_model_rings_until_there_is_a_newer_one(alarms: dict[str, dict[str, Any]]) -> None:
    alarm = alarms["model-age-claims-fraud"]
    assert (alarm["MetricName"], dimensions(alarm)) == ("ModelAgeHours", {"Model": "claims-fraud"})
    assert alarm["Threshold"] == load().model("claims-fraud").alarms.model_age_hours
    assert alarm["TreatMissingData"] == "ignore"


def test_every_alarm_says_what_happened_and_tells_the_topic_when_it_begins_and_ends(
    alarms: dict[str, dict[str, Any]],
) -> None:
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC], name
        assert alarm["AlarmDescription"], name


def test_only_the_systems_alarms_publish_and_only_over_tls(assembly: Any) -> None:
    (policy,) = Lab(assembly).templates().resources("AWS::SNS::TopicPolicy")
    denied, allowed = policy.properties["PolicyDocument"]["Statement"]
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Condition"] == {
        "ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:ap-northeast-2:111111111111:alarm:millrace-dev-*"},
        "StringEquals": {"aws:SourceAccount": "111111111111"},
    }


def test_alarms_may_use_the_topics_key(assembly: Any) -> None:
    (topic,) = Lab(assembly).templates().resources("AWS::SNS::Topic")
    (key,) = [key for key in Lab(assembly).templates().resources("AWS::KMS::Key") if key.logical_id.startswith("Key")]
    assert topic.properties["KmsMasterKeyId"] == key.arn
    (statement,) = [s for s in statements(key) if s["Principal"] == {"Service": "cloudwatch.amazonaws.com"}]
    assert set(statement["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "111111111111"}}


def test_the_settings_say_who_gets_a_mail_and_how_long_silence_may_last(tmp_path: Path) -> None:
    from aws_cdk import Environment, Stack, Stage

    from stacks.app import new_app
    from stacks.customer_key import CustomerKey
    from stacks.naming import Naming
    from stacks.removal import removal_policy
    from stacks.watch import WatchStack

    account = replace(load().account("dev"), alarms=AccountAlarms(("a@example.com", "b@example.com"), 72))
    app, naming = new_app(outdir=tmp_path), Naming(account)
    env = Environment(account=account.account_id, region=account.region)
    stage = Stage(app, "Dev", env=env)
    removal = removal_policy(naming)
    key = CustomerKey(Stack(stage, "Data"), "Key", naming=naming, purpose="data", description="a", removal=removal)
    WatchStack(stage, "Watch", naming=naming, models=[], workers=[], functions=[], key=key)
    resources = stage.synth().get_stack_by_name("Dev-Watch").template["Resources"].values()
    mails = [r["Properties"] for r in resources if r["Type"] == "AWS::SNS::Subscription"]
    assert [(mail["Protocol"], mail["Endpoint"]) for mail in mails] == [
        ("email", "a@example.com"),
        ("email", "b@example.com"),
    ]
    (silent,) = [r["Properties"] for r in resources if r["Type"] == "AWS::CloudWatch::Alarm"]
    assert silent["EvaluationPeriods"] == 72


def statements(key: Resource) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = key.properties["KeyPolicy"]["Statement"]
    return found
