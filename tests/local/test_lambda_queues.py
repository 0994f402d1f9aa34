"""From an upload to a function through rule and queue, and what happens to messages that fail."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.iam_lab import let_events_send, let_send, make_role

ACCOUNT, REGION = "111111111111", "ap-northeast-2"
# Tells in the queue OUT what it was asked to do; whatever holds "poison" fails.
HANDLER = """
import json, os
import boto3

sqs = boto3.client("sqs")

def handler(event, context):
    bodies = [record["body"] for record in event["Records"]]
    sqs.send_message(QueueUrl=os.environ["OUT"], MessageBody=json.dumps({"bodies": bodies, "event": event}))
    poisoned = [record["messageId"] for record in event["Records"] if "poison" in record["body"]]
    if poisoned and "RAISE" in os.environ:
        raise RuntimeError("poison")
    return {"batchItemFailures": [{"itemIdentifier": each} for each in poisoned]}
"""


class Line:
    """A queue that feeds a function, the queue the function reports to, and the queue of what failed."""

    def __init__(self, embedded: Any, name: str) -> None:
        self.embedded, self.name = embedded, name
        self.sqs, self.lambdas = embedded.client("sqs"), embedded.client("lambda")
        self.dead = self.queue(f"{name}-dead")
        self.out = self.queue(f"{name}-out")
        redrive = {"deadLetterTargetArn": self.arn(f"{name}-dead"), "maxReceiveCount": 2}
        self.fed = self.queue(f"{name}-in", VisibilityTimeout="900", RedrivePolicy=json.dumps(redrive))

    def queue(self, name: str, **attributes: str) -> str:
        return str(self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])

    def arn(self, name: str) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def function(self, code: str = HANDLER, **variables: str) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("handler.py", code)
        role = make_role(self.embedded.client("iam"), self.name, "lambda.amazonaws.com")
        self.lambdas.create_function(
            FunctionName=self.name,
            Runtime="python3.12",
            Handler="handler.handler",
            Role=role,
            Code={"ZipFile": buffer.getvalue()},
            Environment={"Variables": {"OUT": self.out, **variables}},
        )

    def warm(self) -> None:
        """Start a worker, so that the first batch needs no more time than the others."""
        self.lambdas.invoke(FunctionName=self.name, Payload=json.dumps({"Records": []}).encode())
        self.report()

    def feed(self, **settings: Any) -> str:
        made = self.lambdas.create_event_source_mapping(
            EventSourceArn=self.arn(f"{self.name}-in"), FunctionName=self.name, **settings
        )
        return str(made["UUID"])

    def send(self, *bodies: str) -> None:
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
        assert not self.sqs.send_message_batch(QueueUrl=self.fed, Entries=entries).get("Failed")

    def take(self, url: str) -> str:
        [message] = self.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=15)["Messages"]
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return str(message["Body"])

    def fail_fast(self) -> None:
        """What fails comes back soon, and so does what takes longer: the worker must be warm."""
        self.sqs.set_queue_attributes(QueueUrl=self.fed, Attributes={"VisibilityTimeout": "2"})

    def report(self) -> dict[str, Any]:
        return dict(json.loads(self.take(self.out)))

    def left(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(count) for count in counts.values())


@pytest.fixture
def line(embedded: Any, request: pytest.FixtureRequest) -> Iterator[Line]:
    made = Line(embedded, request.node.name.removeprefix("test_")[:40])
    yield made
    for mapping in made.lambdas.list_event_source_mappings(FunctionName=made.name)["EventSourceMappings"]:
        made.lambdas.delete_event_source_mapping(UUID=mapping["UUID"])


def test_an_upload_reaches_the_function_exactly_once(embedded: Any, line: Line) -> None:
    line.function()
    line.feed()
    s3, events = embedded.client("s3"), embedded.client("events")
    s3.create_bucket(Bucket="once-and-only", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_notification_configuration(
        Bucket="once-and-only", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"]}
    bucket = {"detail": {"bucket": {"name": ["once-and-only"]}, "object": {"key": [{"prefix": "raw/"}]}}}
    events.put_rule(Name="once-and-only", EventPattern=json.dumps(pattern | bucket))
    let_events_send(line.sqs, line.fed, line.arn(f"{line.name}-in"))
    events.put_targets(Rule="once-and-only", Targets=[{"Id": "1", "Arn": line.arn(f"{line.name}-in")}])

    s3.put_object(Bucket="once-and-only", Key="other/x.csv", Body=b"x")
    for key in ("raw/a.csv", "raw/b.csv", "raw/c.csv"):
        s3.put_object(Bucket="once-and-only", Key=key, Body=b"x")

    seen: list[str] = []
    while len(seen) < 3:
        seen += [json.loads(body)["detail"]["object"]["key"] for body in line.report()["bodies"]]
    assert sorted(seen) == ["raw/a.csv", "raw/b.csv", "raw/c.csv"]
    assert line.left(line.out) == 0


def test_a_poison_message_is_put_aside_and_the_other_nine_are_not_held_up(line: Line) -> None:
    line.function()
    line.warm()
    line.fail_fast()
    line.send(*[f"good {n}" for n in range(9)], "poison")
    line.feed(BatchSize=10, FunctionResponseTypes=["ReportBatchItemFailures"])

    first = line.report()
    again = line.report()

    assert sorted(first["bodies"]) == [*[f"good {n}" for n in range(9)], "poison"]
    assert again["bodies"] == ["poison"]
    assert again["event"]["Records"][0]["attributes"]["ApproximateReceiveCount"] == "2"
    assert line.take(line.dead) == "poison"
    assert line.left(line.fed) == 0
    assert line.left(line.out) == 0


def test_without_partial_answers_a_failing_batch_comes_back_as_a_whole(line: Line) -> None:
    line.function(RAISE="1")
    line.warm()
    line.fail_fast()
    line.send("good", "poison")
    line.feed(BatchSize=10)

    assert sorted(line.report()["bodies"]) == ["good", "poison"]
    assert sorted(line.report()["bodies"]) == ["good", "poison"]
    assert {line.take(line.dead), line.take(line.dead)} == {"good", "poison"}
    assert line.left(line.fed) == 0


def test_a_record_names_its_queue_and_its_attributes(line: Line) -> None:
    line.function()
    line.feed()
    attributes = {"RULE_ARN": {"DataType": "String", "StringValue": "arn"}}

    line.sqs.send_message(QueueUrl=line.fed, MessageBody="one", MessageAttributes=attributes)

    [record] = line.report()["event"]["Records"]
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == line.arn(f"{line.name}-in")
    assert record["awsRegion"] == REGION
    assert record["messageAttributes"]["RULE_ARN"]["stringValue"] == "arn"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"


def test_a_mapping_that_is_disabled_takes_nothing_until_it_is_enabled(line: Line) -> None:
    line.function()
    mapping = line.feed(Enabled=False)
    line.send("waiting")
    assert line.left(line.fed) == 1

    line.lambdas.update_event_source_mapping(UUID=mapping, Enabled=True)

    assert line.report()["bodies"] == ["waiting"]


def test_a_batching_window_gathers_messages_of_several_sends(line: Line) -> None:
    line.function()
    line.feed(BatchSize=3, MaximumBatchingWindowInSeconds=30)

    for body in ("a", "b", "c"):
        line.send(body)

    assert sorted(line.report()["bodies"]) == ["a", "b", "c"]


def test_messages_that_the_filter_does_not_want_are_dropped(line: Line) -> None:
    line.function()
    line.send('{"kind": "noise"}', '{"kind": "upload"}')
    line.feed(FilterCriteria={"Filters": [{"Pattern": '{"body": {"kind": ["upload"]}}'}]})

    assert line.report()["bodies"] == ['{"kind": "upload"}']
    line.send('{"kind": "upload"}')
    line.report()
    assert line.left(line.dead) == 0


def test_messages_that_a_topic_brings_are_taken_too(embedded: Any, line: Line) -> None:
    line.function()
    line.feed()
    sns = embedded.client("sns")
    topic = sns.create_topic(Name=line.name)["TopicArn"]
    let_send(line.sqs, line.fed, line.arn(f"{line.name}-in"), "sns.amazonaws.com", topic)
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=line.arn(f"{line.name}-in"),
        Attributes={"RawMessageDelivery": "true"},
    )

    sns.publish(TopicArn=topic, Message="from the topic")

    assert line.report()["bodies"] == ["from the topic"]
