"""After a restart, schedules and queue pollers go on from where the saved state left them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

from tests.iam_lab import make_role

ACCOUNT, REGION = "111111111111", "ap-northeast-2"
HANDLER = """
import os, boto3

def handler(event, context):
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="out")["QueueUrl"]
    for record in event["Records"]:
        sqs.send_message(QueueUrl=url, MessageBody=record["body"])
"""


def set_up(server: Any) -> None:
    role = make_role(server.client("iam"), "r", "lambda.amazonaws.com", "scheduler.amazonaws.com")
    for name in ("in", "out"):
        server.client("sqs").create_queue(QueueName=name)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handler.py", HANDLER)
    server.client("lambda").create_function(
        FunctionName="relay",
        Runtime="python3.12",
        Handler="handler.handler",
        Role=role,
        Code={"ZipFile": buffer.getvalue()},
    )
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:in"
    server.client("lambda").create_event_source_mapping(EventSourceArn=queue, FunctionName="relay")
    server.client("scheduler").create_schedule(
        Name="hourly",
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": queue, "RoleArn": role, "Input": "<aws.scheduler.scheduled-time>"},
    )


def take(server: Any) -> str:
    sqs, url = server.client("sqs"), f"{server.url}/{ACCOUNT}/out"
    [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=15)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return str(message["Body"])


def test_a_schedule_reaches_its_function_after_a_restart(embedded_factory: Callable[..., Any]) -> None:
    first = embedded_factory()
    set_up(first)
    before = take(first)
    first.stop()

    second = embedded_factory(first.folder)
    second.advance(3600)

    assert take(second)[13:] == before[13:]
