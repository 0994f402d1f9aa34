"""What an alarm sets off: a message to a topic under a customer key, an event, a function. All as CloudWatch."""

from __future__ import annotations

import io
import json
import time
import uuid
import zipfile
from typing import Any

import pytest

from tests.alarm_lab import ACCOUNT, PATIENCE_SECONDS, REGION, AlarmLab
from tests.iam_lab import allow, document, let_events_send, let_send, make_role

CLOUDWATCH = "cloudwatch.amazonaws.com"
ANY_ALARM = {"ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:*"}}
OF_THE_ACCOUNT = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


class Told:
    """A topic with a customer key and a queue that is subscribed to it."""

    def __init__(self, embedded: Any) -> None:
        self.lab, self.name = AlarmLab(embedded), f"told-{uuid.uuid4().hex[:8]}"
        self.sns, self.sqs, self.kms = (embedded.client(service) for service in ("sns", "sqs", "kms"))
        self.key = self.kms.create_key()["KeyMetadata"]["Arn"]
        self.topic = self.sns.create_topic(Name=self.name, Attributes={"KmsMasterKeyId": self.key})["TopicArn"]
        self.url = self.sqs.create_queue(QueueName=self.name)["QueueUrl"]
        let_send(self.sqs, self.url, self.queue, "sns.amazonaws.com", self.topic)
        self.sns.subscribe(
            TopicArn=self.topic, Protocol="sqs", Endpoint=self.queue, Attributes={"RawMessageDelivery": "true"}
        )

    @property
    def queue(self) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"

    def let_publish(self, **conditions: Any) -> None:
        statement = allow("sns:Publish", on=self.topic, **conditions) | {"Principal": {"Service": CLOUDWATCH}}
        self.sns.set_topic_attributes(
            TopicArn=self.topic, AttributeName="Policy", AttributeValue=json.dumps(document(statement))
        )

    def let_use_key(self, **conditions: Any) -> None:
        owner = allow("kms:*") | {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
        alarms = allow("kms:Decrypt", "kms:GenerateDataKey*", **conditions) | {"Principal": {"Service": CLOUDWATCH}}
        self.kms.put_key_policy(KeyId=self.key, PolicyName="default", Policy=json.dumps(document(owner, alarms)))

    def take(self) -> str:
        [message] = self.sqs.receive_message(QueueUrl=self.url, WaitTimeSeconds=10)["Messages"]
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return str(message["Body"])

    def alarmed(self, **settings: Any) -> str:
        """An alarm that goes off; its metric is not there, so it stays so."""
        return self.lab.alarm("told", TreatMissingData="breaching", **settings)

    def acted(self, name: str) -> str:
        """Wait for what became of the alarm's action."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := self.lab.history(name, "Action")):
            if time.monotonic() > deadline:
                pytest.fail(f"{name} has not acted")
        return found[0]


@pytest.fixture
def told(embedded: Any) -> Told:
    return Told(embedded)


def test_an_alarm_tells_a_topic_under_a_customer_key(told: Told) -> None:
    told.let_publish(**ANY_ALARM, **OF_THE_ACCOUNT)
    told.let_use_key(**ANY_ALARM, **OF_THE_ACCOUNT)
    name = told.alarmed(AlarmActions=[told.topic], AlarmDescription="nothing came")
    message = json.loads(told.take())
    assert (message["AlarmName"], message["NewStateValue"], message["OldStateValue"]) == (
        name,
        "ALARM",
        "INSUFFICIENT_DATA",
    )
    assert (message["AlarmDescription"], message["Region"]) == ("nothing came", "Asia Pacific (Seoul)")
    assert message["Trigger"]["MetricName"] == "rows"
    assert told.acted(name) == f"Successfully executed action {told.topic}"


@pytest.mark.parametrize("missing", ["topic", "key", "source"])
def test_a_topic_or_key_that_does_not_let_cloudwatch_is_not_reached(told: Told, missing: str) -> None:
    if missing != "topic":
        elsewhere = {"StringEquals": {"aws:SourceAccount": "222222222222"}}
        told.let_publish(**(elsewhere if missing == "source" else OF_THE_ACCOUNT))
    if missing != "key":
        told.let_use_key()
    name = told.alarmed(AlarmActions=[told.topic])
    assert told.acted(name) == f"Failed to execute action {told.topic}"
    [item] = told.lab.api.describe_alarm_history(AlarmName=name, HistoryItemType="Action")["AlarmHistoryItems"]
    denied = json.loads(item["HistoryData"])
    assert "KMSAccessDenied" in denied["error"] if missing == "key" else "not authorized" in denied["error"]
    assert "Messages" not in told.sqs.receive_message(QueueUrl=told.url)


def test_switched_off_actions_are_not_done_and_each_state_has_its_own(told: Told) -> None:
    told.let_publish()
    told.let_use_key()
    name = told.alarmed(OKActions=[told.topic])
    told.lab.api.disable_alarm_actions(AlarmNames=[name])
    told.lab.api.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="unheard")
    told.lab.api.enable_alarm_actions(AlarmNames=[name])
    told.lab.api.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="no action")
    told.lab.api.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="heard")
    assert json.loads(told.take())["NewStateReason"] == "heard"
    assert told.lab.history(name, "Action") == [f"Successfully executed action {told.topic}"]


def test_a_change_of_state_is_an_event(told: Told) -> None:
    events = told.lab.server.client("events")
    pattern = {"source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"]}
    named = {**pattern, "detail": {"alarmName": [{"prefix": "told-"}], "state": {"value": ["ALARM"]}}}
    rule = events.put_rule(Name=told.name, EventPattern=json.dumps(named))["RuleArn"]
    let_events_send(told.sqs, told.url, told.queue, rule)
    events.put_targets(Rule=told.name, Targets=[{"Id": "q", "Arn": told.queue}])

    name = told.alarmed()
    event = json.loads(told.take())
    assert event["resources"] == [told.lab.described(name)["AlarmArn"]]
    detail = event["detail"]
    assert (detail["state"]["value"], detail["previousState"]["value"]) == ("ALARM", "INSUFFICIENT_DATA")
    assert json.loads(detail["state"]["reasonData"])["threshold"] == 1.0
    [metric] = detail["configuration"]["metrics"]
    assert metric["metricStat"] == {
        "metric": {"namespace": told.lab.namespace, "name": "rows", "dimensions": {}},
        "period": 60,
        "stat": "Sum",
    }
    events.remove_targets(Rule=told.name, Ids=["q"])
    events.delete_rule(Name=told.name)


def test_an_alarm_invokes_a_function_that_lets_it(told: Told) -> None:
    embedded = told.lab.server
    code = (
        "import os, boto3\n"
        "def handler(event, context):\n"
        "    text = event['alarmData']['state']['value'] + ' ' + event['alarmData']['alarmName']\n"
        "    boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=text)\n"
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handler.py", code)
    lambdas = embedded.client("lambda")
    arn = lambdas.create_function(
        FunctionName=told.name,
        Runtime="python3.12",
        Handler="handler.handler",
        Role=make_role(embedded.client("iam"), told.name, "lambda.amazonaws.com"),
        Code={"ZipFile": buffer.getvalue()},
        Environment={"Variables": {"OUT": told.url}},
    )["FunctionArn"]
    refused = told.alarmed(AlarmActions=[arn])
    assert told.acted(refused) == f"Failed to execute action {arn}"

    lambdas.add_permission(
        FunctionName=told.name,
        StatementId="alarms",
        Action="lambda:InvokeFunction",
        Principal="lambda.alarms.cloudwatch.amazonaws.com",
        SourceAccount=ACCOUNT,
    )
    name = told.alarmed(AlarmActions=[arn])
    assert told.take() == f"ALARM {name}"
