"""Lambda acts as the function's role: polling, logging, reporting failures. Whoever invokes needs a permission."""

from __future__ import annotations

import base64
import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.iam_lab import EVERYTHING, deny, let_events_send, make_role, permit, trust
from tests.sagemaker_lab import until

ACCOUNT, REGION = "111111111111", "ap-northeast-2"
RELAY = """
import os, boto3

def handler(event, context):
    print("it ran")
    for record in event.get("Records", []):
        boto3.client("sqs").send_message(QueueUrl=os.environ["OUT"], MessageBody=record["body"])
    if event.get("fail"):
        raise RuntimeError("as asked")
    return "done"
"""


class Relay:
    """A function that passes on what a queue brings."""

    def __init__(self, embedded: Any) -> None:
        self.embedded, self.name = embedded, f"relay-{uuid.uuid4().hex[:8]}"
        self.sqs, self.lambdas, self.iam = (embedded.client(each) for each in ("sqs", "lambda", "iam"))
        self.key = str(embedded.client("kms").create_key()["KeyMetadata"]["Arn"])
        self.fed = self.queue("in", KmsMasterKeyId=self.key, VisibilityTimeout="1")
        self.out = self.queue("out")
        self.role = make_role(self.iam, self.name, "lambda.amazonaws.com")

    def queue(self, word: str, **attributes: str) -> str:
        return str(self.sqs.create_queue(QueueName=f"{self.name}-{word}", Attributes=attributes)["QueueUrl"])

    def arn(self, word: str) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}-{word}"

    def may_not(self, *actions: str, on: str = "*") -> None:
        permit(self.iam, self.name, EVERYTHING, *([deny(*actions, on=on)] if actions else []))

    def create(self) -> str:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("handler.py", RELAY)
        made = self.lambdas.create_function(
            FunctionName=self.name,
            Runtime="python3.12",
            Handler="handler.handler",
            Role=self.role,
            Code={"ZipFile": buffer.getvalue()},
            Environment={"Variables": {"OUT": self.out}},
        )
        return str(made["FunctionArn"])

    def feed(self) -> None:
        self.lambdas.create_event_source_mapping(EventSourceArn=self.arn("in"), FunctionName=self.name)

    def took(self, url: str, seconds: int = 15) -> str | None:
        messages = self.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=seconds).get("Messages")
        return str(messages[0]["Body"]) if messages else None


@pytest.fixture
def relay(embedded: Any) -> Iterator[Relay]:
    made = Relay(embedded)
    yield made
    for mapping in made.lambdas.list_event_source_mappings(FunctionName=made.name)["EventSourceMappings"]:
        made.lambdas.delete_event_source_mapping(UUID=mapping["UUID"])


@pytest.mark.parametrize("action", ["kms:Decrypt", "sqs:ReceiveMessage"])
def test_a_poller_gets_nothing_that_the_functions_role_may_not_receive(relay: Relay, action: str) -> None:
    relay.create()
    relay.may_not(action)
    relay.feed()
    relay.sqs.send_message(QueueUrl=relay.fed, MessageBody="first")
    assert relay.took(relay.out, seconds=1) is None
    assert relay.took(relay.fed) == "first"

    relay.may_not()
    relay.sqs.send_message(QueueUrl=relay.fed, MessageBody="second")
    found = {relay.took(relay.out), relay.took(relay.out, seconds=3)}
    assert "second" in found


def test_a_poller_that_may_not_delete_brings_the_message_again(relay: Relay) -> None:
    relay.create()
    relay.may_not("sqs:DeleteMessage")
    relay.feed()
    relay.sqs.send_message(QueueUrl=relay.fed, MessageBody="again")
    assert [relay.took(relay.out), relay.took(relay.out)] == ["again", "again"]


@pytest.mark.parametrize("action", ["logs:CreateLogStream", "logs:PutLogEvents", "logs:CreateLogGroup"])
def test_a_function_whose_role_may_not_write_logs_runs_and_loses_them(relay: Relay, action: str) -> None:
    relay.create()
    relay.may_not(action)
    answer = relay.lambdas.invoke(FunctionName=relay.name, Payload=b"{}", LogType="Tail")

    assert json.loads(answer["Payload"].read()) == "done"
    assert "it ran" in base64.b64decode(answer["LogResult"]).decode()
    relay.lambdas.delete_function(FunctionName=relay.name)
    assert logged(relay) == []


def logged(relay: Relay) -> list[str]:
    logs = relay.embedded.client("logs")
    group = f"/aws/lambda/{relay.name}"
    try:
        streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [
        event["message"]
        for stream in streams
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    ]


def test_a_role_whose_log_group_was_made_for_it_need_not_make_one(relay: Relay) -> None:
    relay.embedded.client("logs").create_log_group(logGroupName=f"/aws/lambda/{relay.name}")
    relay.create()
    relay.may_not("logs:CreateLogGroup")
    relay.lambdas.invoke(FunctionName=relay.name, Payload=b"{}")
    until(lambda: logged(relay), lambda found: "it ran" in found)


def test_a_function_whose_role_does_not_trust_lambda_does_not_run(relay: Relay) -> None:
    relay.create()
    relay.lambdas.invoke(FunctionName=relay.name, Payload=b"{}")
    other = json.dumps(trust("events.amazonaws.com"))
    relay.iam.update_assume_role_policy(RoleName=relay.name, PolicyDocument=other)

    with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
        relay.lambdas.invoke(FunctionName=relay.name, Payload=b"{}")


def test_lambda_is_not_documented_to_say_for_whom_it_assumes_a_role(relay: Relay) -> None:
    name = f"{relay.name}-conditioned"
    relay.role = make_role(relay.iam, name, "lambda.amazonaws.com", StringEquals={"aws:SourceAccount": ACCOUNT})
    relay.create()
    with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
        relay.lambdas.invoke(FunctionName=relay.name, Payload=b"{}")


def test_a_failure_reaches_its_destination_only_with_the_functions_role(relay: Relay) -> None:
    relay.create()
    relay.may_not("sqs:SendMessage", on=relay.arn("failed"))
    relay.queue("failed")
    failed = f"{relay.embedded.url}/{ACCOUNT}/{relay.name}-failed"
    relay.lambdas.put_function_event_invoke_config(
        FunctionName=relay.name,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": relay.arn("failed")}},
    )

    def fail() -> None:
        relay.lambdas.invoke(FunctionName=relay.name, InvocationType="Event", Payload=b'{"fail": true}')

    fail()
    assert relay.took(failed, seconds=2) is None

    relay.may_not()
    fail()
    assert json.loads(relay.took(failed) or "null")["responsePayload"]["errorMessage"] == "as asked"


def test_a_rule_invokes_a_function_only_with_a_permission_for_that_rule(relay: Relay) -> None:
    function, events = relay.create(), relay.embedded.client("events")
    dead = relay.queue("dead")
    rule = events.put_rule(Name=relay.name, EventPattern=json.dumps({"source": [relay.name]}))["RuleArn"]
    let_events_send(relay.sqs, dead, relay.arn("dead"), rule)
    target = {"Id": "1", "Arn": function, "Input": json.dumps({"Records": [{"body": "came"}]})}
    events.put_targets(Rule=relay.name, Targets=[target | {"DeadLetterConfig": {"Arn": relay.arn("dead")}}])

    def permit_rule(source: str) -> None:
        relay.lambdas.add_permission(
            FunctionName=relay.name,
            StatementId="rule",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=source,
        )

    def emit() -> None:
        events.put_events(Entries=[{"Source": relay.name, "DetailType": "t", "Detail": "{}"}])

    emit()
    assert refusal(relay, dead) == "lambda:InvokeFunction"
    permit_rule(rule.replace(relay.name, "another"))
    emit()
    assert refusal(relay, dead) == "lambda:InvokeFunction"
    relay.lambdas.remove_permission(FunctionName=relay.name, StatementId="rule")
    permit_rule(rule)
    emit()
    assert relay.took(relay.out) == "came"


def refusal(relay: Relay, dead: str) -> str:
    """The action that was refused, from the dead letter."""
    found = relay.sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=15, MessageAttributeNames=["All"])
    [message] = found["Messages"]
    relay.sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
    text = message["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    return str(text.split("perform: ")[1].split()[0])
