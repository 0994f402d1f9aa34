"""Asynchronous invocations are retried by the clock and end at a destination. The server is private: it moves on."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.iam_lab import make_role

ACCOUNT, REGION = "111111111111", "ap-northeast-2"
HANDLER = """
import json, os
import boto3

def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["OUT"], MessageBody=context.aws_request_id)
    if event["fails"]:
        raise RuntimeError("as asked")
    return {"done": True}
"""


@pytest.fixture(scope="module")
def server(embedded: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    made = type(embedded)(tmp_path_factory.mktemp("asynchronous"))
    iam, sqs, lambdas = made.client("iam"), made.client("sqs"), made.client("lambda")
    role = make_role(iam, "asked", "lambda.amazonaws.com")
    for name in ("out", "failed", "succeeded"):
        sqs.create_queue(QueueName=name)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handler.py", HANDLER)
    lambdas.create_function(
        FunctionName="asked",
        Runtime="python3.12",
        Handler="handler.handler",
        Role=role,
        Code={"ZipFile": buffer.getvalue()},
        Environment={"Variables": {"OUT": f"{made.url}/{ACCOUNT}/out"}},
    )
    lambdas.put_function_event_invoke_config(
        FunctionName="asked",
        DestinationConfig={
            "OnSuccess": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:succeeded"},
            "OnFailure": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:failed"},
        },
    )
    yield made
    made.stop()


def take(server: Any, queue: str) -> str:
    sqs, url = server.client("sqs"), f"{server.url}/{ACCOUNT}/{queue}"
    [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=15)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return str(message["Body"])


def test_a_failing_invocation_is_tried_three_times_and_then_recorded(server: Any) -> None:
    answer = server.client("lambda").invoke(
        FunctionName="asked", InvocationType="Event", Payload=json.dumps({"fails": True}).encode()
    )
    assert answer["StatusCode"] == 202

    attempts = [take(server, "out")]
    for minutes in (1, 2):
        # The retry's appointment is made after the attempt has ended: move on until it comes.
        attempts += [moved_until(server, "out", minutes * 60)]

    record = json.loads(take(server, "failed"))
    assert len(set(attempts)) == 1
    assert record["requestContext"] == {
        "requestId": attempts[0],
        "functionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:asked:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert record["requestPayload"] == {"fails": True}
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["responsePayload"]["errorMessage"] == "as asked"


def moved_until(server: Any, queue: str, seconds: float) -> str:
    sqs, url = server.client("sqs"), f"{server.url}/{ACCOUNT}/{queue}"
    for _ in range(10):
        server.advance(seconds)
        messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages")
        if messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=messages[0]["ReceiptHandle"])
            return str(messages[0]["Body"])
    raise AssertionError(f"nothing came to {queue}")


def test_a_successful_invocation_is_recorded_at_its_destination(server: Any) -> None:
    server.client("lambda").invoke(
        FunctionName="asked", InvocationType="Event", Payload=json.dumps({"fails": False}).encode()
    )
    take(server, "out")

    record = json.loads(take(server, "succeeded"))

    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == {"done": True}


def test_a_rule_reaches_a_function_without_a_queue(server: Any) -> None:
    events = server.client("events")
    rule = events.put_rule(Name="direct", EventPattern=json.dumps({"source": ["direct"]}))["RuleArn"]
    server.client("lambda").add_permission(
        FunctionName="asked",
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:asked"
    events.put_targets(Rule="direct", Targets=[{"Id": "1", "Arn": function, "Input": '{"fails": false}'}])

    events.put_events(Entries=[{"Source": "direct", "DetailType": "t", "Detail": "{}"}])

    assert take(server, "out")
    assert json.loads(take(server, "succeeded"))["requestPayload"] == {"fails": False}
