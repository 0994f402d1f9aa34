"""The cases of `tests/unit/test_start_pipeline_trouble.py` on the deployed stack: nothing is lost, all is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import MODEL, RAW, Deployed
from tests.faults_lab import Faults

QUEUE = "millrace-dev-start-pipeline"
FUNCTION_ROLE = "millrace-dev-start-pipeline"
LEDGER = "millrace-dev-ledger"
CLAIMS = f"raw/{MODEL}/claims"


@pytest.fixture
def faults(deployed: Deployed) -> Iterator[Faults]:
    made = Faults(deployed.embedded)
    yield made
    made.stop()


def event(key: str, version: str, *, bucket: str = RAW) -> str:
    item = {"key": key, "version-id": version, "etag": "e", "size": 9}
    detail = {"bucket": {"name": bucket}, "object": item}
    return json.dumps({"id": "e-1", "detail-type": "Object Created", "source": "aws.s3", "detail": detail})


def send(deployed: Deployed, *bodies: str) -> None:
    sqs = deployed.client("sqs")
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
    sqs.send_message_batch(QueueUrl=sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"], Entries=entries)


def dead_letter(deployed: Deployed, *, waiting: float = 0) -> dict[str, str]:
    """The next dead letter's attributes and body; the clock moves on by `waiting` seconds at each look."""
    sqs = deployed.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{QUEUE}-dlq")["QueueUrl"]

    def look() -> list[dict[str, Any]]:
        if waiting:
            deployed.embedded.advance(waiting)
        return list(sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages", []))

    [message] = deployed.until("a dead letter", look)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    return {**attributes, "body": message["Body"]}


def states(deployed: Deployed) -> dict[str, str]:
    """The state of each file version in the ledger."""
    pages = deployed.client("dynamodb").get_paginator("scan").paginate(TableName=LEDGER, ConsistentRead=True)
    rows = [item for page in pages for item in page["Items"] if item["item"]["S"].startswith("file#")]
    return {f"{row['key']['S']}@{row['version_id']['S']}": row["state"]["S"] for row in rows}


def put(deployed: Deployed, key: str, body: bytes) -> str:
    return str(deployed.client("s3").put_object(Bucket=RAW, Key=key, Body=body)["VersionId"])


def small_claims(tables: Path) -> bytes:
    return b"".join((tables / "claims.csv").read_bytes().splitlines(keepends=True)[:200])


@pytest.mark.parametrize(
    ("body", "reason", "explanation"),
    [
        ("no json", "malformed", "the message is not JSON"),
        (event(f"{CLAIMS}/a.csv", "v", bucket="other"), "foreign-bucket", f"is not in the raw bucket {RAW}"),
        (event(f"raw/{MODEL}/polices/a.csv", "v"), "unknown-table", "no table 'polices'; known: claims, customers"),
        (event(f"{CLAIMS}/gone.csv", "0123456789abcdef"), "vanished", ""),
    ],
)
def test_a_message_nobody_can_act_on_is_put_aside_with_its_reason(
    deployed: Deployed, body: str, reason: str, explanation: str
) -> None:
    send(deployed, body)
    told = dead_letter(deployed)
    assert (told["Reason"], told["body"]) == (reason, body)
    assert explanation in told["Explanation"]


def test_an_empty_file_is_rejected_and_its_message_put_aside(deployed: Deployed) -> None:
    version = put(deployed, f"{CLAIMS}/empty.csv", b"")
    assert dead_letter(deployed)["Reason"] == "empty"
    assert states(deployed)[f"{CLAIMS}/empty.csv@{version}"] == "rejected"


def test_one_poison_message_does_not_hold_up_the_other_nine(deployed: Deployed, tables: Path) -> None:
    s3, files = deployed.client("s3"), {}
    for number in range(9):
        key = f"{CLAIMS}/part {number}.csv"
        files[f"{key}@{put(deployed, key, small_claims(tables))}"] = "seen"
    events = [event(*name.rsplit("@", 1)) for name in files]
    send(deployed, *events[:5], "poison", *events[5:])
    assert dead_letter(deployed)["body"] == "poison"
    deployed.until("the nine rows", lambda: files.items() <= states(deployed).items())
    for name in files:
        s3.delete_object(Bucket=RAW, Key=name.rsplit("@", 1)[0])


def test_an_unreadable_object_comes_back_until_it_is_put_aside_and_the_schedule_finds_it(
    deployed: Deployed, faults: Faults, tables: Path
) -> None:
    unreadable = {"kind": "throttle", "what": "s3:GetObject", "by": FUNCTION_ROLE, "code": "AccessDenied"}
    faults.put({**unreadable, "rate": 1.0})
    version = put(deployed, f"{CLAIMS}/locked.csv", small_claims(tables))
    told = dead_letter(deployed, waiting=45)
    assert told["Reason"] == "AccessDenied"
    assert told["Explanation"].startswith("failed 5 times, at last with:")
    faults.stop()
    deployed.embedded.advance(3600)
    deployed.until("its row", lambda: states(deployed).get(f"{CLAIMS}/locked.csv@{version}") == "seen")


def test_a_throttled_start_is_tried_again_and_made_once(deployed: Deployed, faults: Faults, tables: Path) -> None:
    throttled = {"kind": "throttle", "what": "sagemaker:StartPipelineExecution", "by": FUNCTION_ROLE, "rate": 1.0}
    faults.put({**throttled, "times": 6})
    put(deployed, f"{CLAIMS}/claims.csv", (tables / "claims.csv").read_bytes())
    deployed.client("s3").delete_object(Bucket=RAW, Key=f"{CLAIMS}/locked.csv")
    put(deployed, f"raw/{MODEL}/customers/customers.csv", (tables / "customers.csv").read_bytes())

    def started() -> list[dict[str, Any]]:
        deployed.embedded.advance(10)
        return deployed.executions()

    [execution] = deployed.until("the start of a run", started)
    arn = execution["PipelineExecutionArn"]
    assert deployed.finished(arn)["PipelineExecutionStatus"] == "Succeeded"
    deployed.until("the trained rows", lambda: list(states(deployed).values()).count("trained") == 2)
    assert [each["PipelineExecutionArn"] for each in deployed.executions()] == [arn]
