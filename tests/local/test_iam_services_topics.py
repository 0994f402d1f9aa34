"""SNS delivers in its own name: the policy of a subscribed queue or function decides."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from typing import Any

import pytest

from tests.iam_lab import let_send, make_role

ACCOUNT, REGION = "111111111111", "ap-northeast-2"
SNS = "sns.amazonaws.com"


class Subscribed:
    """A topic with a queue that is subscribed to it, and a dead-letter queue of the subscription."""

    def __init__(self, embedded: Any) -> None:
        self.embedded, self.name = embedded, f"topic-{uuid.uuid4().hex[:8]}"
        self.sns, self.sqs = embedded.client("sns"), embedded.client("sqs")
        self.topic = self.sns.create_topic(Name=self.name)["TopicArn"]
        self.url, self.dead = self.queue(self.name), self.queue(f"{self.name}-dead")
        let_send(self.sqs, self.dead, self.arn(f"{self.name}-dead"), SNS, self.topic)

    def queue(self, name: str) -> str:
        return str(self.sqs.create_queue(QueueName=name)["QueueUrl"])

    def arn(self, name: str) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def subscribe(self, protocol: str, endpoint: str, **attributes: str) -> None:
        redrive = json.dumps({"deadLetterTargetArn": self.arn(f"{self.name}-dead")})
        self.sns.subscribe(
            TopicArn=self.topic,
            Protocol=protocol,
            Endpoint=endpoint,
            Attributes={"RedrivePolicy": redrive, **attributes},
        )

    def take(self, url: str) -> dict[str, Any]:
        [message] = self.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, MessageAttributeNames=["All"])[
            "Messages"
        ]
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return dict(message)


@pytest.fixture
def subscribed(embedded: Any) -> Subscribed:
    return Subscribed(embedded)


def test_a_queue_gets_what_its_policy_lets_the_topic_send(subscribed: Subscribed) -> None:
    let_send(subscribed.sqs, subscribed.url, subscribed.arn(subscribed.name), SNS, subscribed.topic)
    subscribed.subscribe("sqs", subscribed.arn(subscribed.name))
    subscribed.sns.publish(TopicArn=subscribed.topic, Message="hello", Subject="s")

    envelope = json.loads(subscribed.take(subscribed.url)["Body"])
    assert (envelope["Type"], envelope["TopicArn"]) == ("Notification", subscribed.topic)
    assert (envelope["Message"], envelope["Subject"]) == ("hello", "s")


def test_raw_messages_keep_their_attributes(subscribed: Subscribed) -> None:
    let_send(subscribed.sqs, subscribed.url, subscribed.arn(subscribed.name), SNS, subscribed.topic)
    subscribed.subscribe("sqs", subscribed.arn(subscribed.name), RawMessageDelivery="true")
    attributes = {"rows": {"DataType": "Number", "StringValue": "3"}}
    subscribed.sns.publish(TopicArn=subscribed.topic, Message="hello", MessageAttributes=attributes)

    message = subscribed.take(subscribed.url)
    assert message["Body"] == "hello"
    assert message["MessageAttributes"]["rows"] == {"DataType": "Number", "StringValue": "3"}


@pytest.mark.parametrize("source", [None, "arn:aws:sns:ap-northeast-2:111111111111:another"])
def test_a_queue_that_does_not_name_the_topic_gets_nothing(subscribed: Subscribed, source: str | None) -> None:
    if source:
        let_send(subscribed.sqs, subscribed.url, subscribed.arn(subscribed.name), SNS, source)
    subscribed.subscribe("sqs", subscribed.arn(subscribed.name), RawMessageDelivery="true")
    subscribed.sns.publish(TopicArn=subscribed.topic, Message="refused")

    assert subscribed.take(subscribed.dead)["Body"] == "refused"
    assert "Messages" not in subscribed.sqs.receive_message(QueueUrl=subscribed.url)


def test_a_function_is_invoked_only_with_a_permission(subscribed: Subscribed) -> None:
    function = make_function(subscribed)
    subscribed.subscribe("lambda", function)
    subscribed.sns.publish(TopicArn=subscribed.topic, Message="refused")
    assert json.loads(subscribed.take(subscribed.dead)["Body"])["Message"] == "refused"

    subscribed.embedded.client("lambda").add_permission(
        FunctionName=subscribed.name,
        StatementId="topic",
        Action="lambda:InvokeFunction",
        Principal=SNS,
        SourceArn=subscribed.topic,
    )
    subscribed.sns.publish(TopicArn=subscribed.topic, Message="taken")
    assert subscribed.take(subscribed.url)["Body"] == "taken"


def make_function(subscribed: Subscribed) -> str:
    """A function that sends the notification's message to the queue."""
    code = (
        "import os, boto3\n"
        "def handler(event, context):\n"
        "    [record] = event['Records']\n"
        "    boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=record['Sns']['Message'])\n"
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handler.py", code)
    made = subscribed.embedded.client("lambda").create_function(
        FunctionName=subscribed.name,
        Runtime="python3.12",
        Handler="handler.handler",
        Role=make_role(subscribed.embedded.client("iam"), subscribed.name, "lambda.amazonaws.com"),
        Code={"ZipFile": buffer.getvalue()},
        Environment={"Variables": {"OUT": subscribed.url}},
    )
    return str(made["FunctionArn"])
