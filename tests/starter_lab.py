"""The start_pipeline package in a world of its own: S3 and DynamoDB as moto plays them, a queue and SageMaker of ours.

Time stands still until a test moves it, calls can be made to fail, and the invocation can be made to die at any
call: `Crash` is what the end of a process looks like from within.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws
from start_pipeline.batch import handle
from start_pipeline.rows import FileRow, Lock, RunRow, Skip, decode, from_item
from start_pipeline.services import Services
from start_pipeline.settings import ModelSettings, StarterSettings

RAW, ARTIFACTS, TABLE = "raw-bucket", "artifact-bucket", "ledger"
MODEL = "claims-fraud"
START = 1_800_000_000.0
VISIBILITY, DEADLINE = 1800, 300
CLAIMS, CUSTOMERS = b"policy_id,fraud,age\n1,0,30\n2,1,40\n", b"policy_id,city\n1,A\n2,B\n"
ENDED = {"Succeeded", "Failed", "Stopped"}


class Crash(BaseException):
    """The process is gone."""


def settings(**trigger: Any) -> ModelSettings:
    values = {
        "problem": "binary",
        "tables": ["claims", "customers"],
        "join_key": "policy_id",
        "label": "fraud",
        "numeric": ["age"],
        "categorical": ["city"],
        "missing": [""],
        "trigger": {"suffixes": [".csv"], **trigger},
    }
    return ModelSettings.of(MODEL, values)


@dataclass
class Message:
    identifier: str
    body: str
    visible_at: float
    receives: int = 0
    attributes: dict[str, Any] = field(default_factory=dict)


def error(code: str, operation: str = "Call", status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


class Calls:
    """Sees every call before and after it is made; `on` may raise there."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.on: Callable[[str, str], None] = lambda name, when: None

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        self.made.append(name)
        self.on(name, "before")
        answer = call()
        self.on(name, "after")
        return answer

    def watch(self, client: Any) -> Any:
        make, service = client._make_api_call, client.meta.service_model.service_name
        client._make_api_call = lambda operation, request: self.around(
            f"{service}:{operation}", lambda: make(operation, request)
        )
        return client


class Queue:
    """SQS as far as the function uses it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.messages: list[Message] = []
        self.dead: list[Message] = []
        self.sent = 0

    def send_message(self, **request: Any) -> dict[str, str]:
        return self.lab.calls.around("sqs:SendMessage", lambda: self._send(**request))

    def _send(
        self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0, MessageAttributes: Any = None
    ) -> dict[str, str]:
        self.sent += 1
        target = self.dead if QueueUrl == "dead" else self.messages
        attributes = {name: value["StringValue"] for name, value in (MessageAttributes or {}).items()}
        target.append(Message(f"m{self.sent}", MessageBody, self.lab.now + DelaySeconds, attributes=attributes))
        return {"MessageId": f"m{self.sent}"}

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:
        def change() -> None:
            for message in self.messages:
                if message.identifier == ReceiptHandle:
                    message.visible_at = self.lab.now + VisibilityTimeout

        self.lab.calls.around("sqs:ChangeMessageVisibility", change)


class SageMaker:
    """Pipeline executions: one for each request token, ended by the test."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.executions: dict[str, dict[str, Any]] = {}
        self.stopped: list[str] = []
        self.doubles: list[str] = []

    def start_pipeline_execution(self, **request: Any) -> dict[str, str]:
        return self.lab.calls.around("sagemaker:StartPipelineExecution", lambda: self._start(**request))

    def _start(self, **request: Any) -> dict[str, str]:
        arn = f"arn:aws:sagemaker:x:1:pipeline/{request['PipelineName']}/execution/{request['ClientRequestToken']}"
        parameters = {item["Name"]: item["Value"] for item in request["PipelineParameters"]}
        if arn not in self.executions:
            if self.running:
                self.doubles.append(arn)
            name = request["PipelineExecutionDisplayName"]
            read = self.lab.copies(parameters["InputUri"])
            self.executions[arn] = {
                "PipelineExecutionArn": arn,
                "PipelineExecutionDisplayName": name,
                "PipelineExecutionStatus": "Executing",
                "parameters": parameters,
                "read": read,
            }
        return {"PipelineExecutionArn": arn}

    @property
    def running(self) -> list[str]:
        return [arn for arn, found in self.executions.items() if found["PipelineExecutionStatus"] not in ENDED]

    def describe_pipeline_execution(self, *, PipelineExecutionArn: str) -> dict[str, Any]:
        def describe() -> dict[str, Any]:
            if PipelineExecutionArn not in self.executions:
                raise error("ResourceNotFound", "DescribePipelineExecution")
            return self.executions[PipelineExecutionArn]

        return dict(self.lab.calls.around("sagemaker:DescribePipelineExecution", describe))

    def stop_pipeline_execution(self, *, PipelineExecutionArn: str, ClientRequestToken: str) -> None:
        assert 32 <= len(ClientRequestToken) <= 128
        self.stopped.append(PipelineExecutionArn)

    def get_paginator(self, name: str) -> SageMaker:
        assert name == "list_pipeline_executions"
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        found = list(reversed(self.executions.values()))
        return [self.lab.calls.around("sagemaker:List", lambda: {"PipelineExecutionSummaries": found})]


class Metrics:
    def __init__(self) -> None:
        self.data: list[dict[str, Any]] = []

    def put_metric_data(self, *, Namespace: str, MetricData: list[dict[str, Any]]) -> None:
        assert Namespace == "Millrace/Trigger"
        self.data.extend(MetricData)


class Lab:
    """Two buckets, a ledger, a queue, SageMaker, and the function."""

    def __init__(self, model: ModelSettings) -> None:
        self.now, self.events = START, 0
        self.calls = Calls()
        keys = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
        self.s3, self.dynamodb = boto3.client("s3", **keys), boto3.client("dynamodb", **keys)
        for bucket in (RAW, ARTIFACTS):
            self.s3.create_bucket(Bucket=bucket)
            self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        kinds = {"model": "HASH", "item": "RANGE"}
        self.dynamodb.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in kinds],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in kinds.items()],
        )
        self.queue, self.sagemaker, self.metrics = Queue(self), SageMaker(self), Metrics()
        self.services = Services(
            s3=self.calls.watch(boto3.client("s3", **keys)),
            sagemaker=self.sagemaker,
            dynamodb=self.calls.watch(boto3.client("dynamodb", **keys)),
            sqs=self.queue,
            cloudwatch=self.metrics,
            settings=StarterSettings(RAW, ARTIFACTS, TABLE, "queue", "dead", {model.name: model}),
            clock=lambda: self.now,
            sleep=self.move,
            workers=1,
        )

    def move(self, seconds: float) -> None:
        self.now += seconds

    # What users and AWS do

    def upload(self, name: str, body: bytes | None = None, *, tell: bool = True) -> str:
        """Put a file as raw/<model>/<name>; returns its version."""
        body = body if body is not None else (CLAIMS if name.startswith("claims") else CUSTOMERS)
        key = f"raw/{MODEL}/{name}"
        version = str(self.s3.put_object(Bucket=RAW, Key=key, Body=body)["VersionId"])
        if tell:
            self.send(self.event(key, version, size=len(body)))
        return version

    def event(self, key: str, version: str, *, size: int = 9, bucket: str = RAW) -> dict[str, Any]:
        self.events += 1
        item = {"key": key, "version-id": version, "etag": "e", "size": size}
        detail = {"bucket": {"name": bucket}, "object": item}
        return {"id": f"event-{self.events}", "detail-type": "Object Created", "source": "aws.s3", "detail": detail}

    def send(self, message: Any, *, delay: float = 0) -> Message:
        self.queue.sent += 1
        body = message if isinstance(message, str) else json.dumps(message)
        self.queue.messages.append(Message(f"m{self.queue.sent}", body, self.now + delay))
        return self.queue.messages[-1]

    def schedule(self, time: str) -> None:
        self.send({"models": [MODEL], "scheduled_time": time})

    def end(self, status: str = "Succeeded", *, tell: bool = True) -> str:
        """End the running execution; returns its ARN."""
        (arn,) = self.sagemaker.running
        self.sagemaker.executions[arn]["PipelineExecutionStatus"] = status
        if tell:
            self.tell_end(arn, status)
        return arn

    def tell_end(self, arn: str, status: str = "Succeeded") -> None:
        detail = {
            "pipelineExecutionArn": arn,
            "pipelineArn": arn.partition("/execution/")[0],
            "currentPipelineExecutionStatus": status,
        }
        kind = "SageMaker Model Building Pipeline Execution Status Change"
        self.send({"detail-type": kind, "source": "aws.sagemaker", "detail": detail})

    # What Lambda and SQS do

    def deliver(self, *, most: int = 10) -> list[str]:
        """One invocation with what is visible now; returns the ids that failed. A crash is a redelivery later."""
        batch = [message for message in self.queue.messages if message.visible_at <= self.now][:most]
        for message in batch:
            message.receives += 1
            message.visible_at = self.now + VISIBILITY
        records = [
            {
                "messageId": message.identifier,
                "receiptHandle": message.identifier,
                "body": message.body,
                "attributes": {"ApproximateReceiveCount": str(message.receives)},
            }
            for message in batch
        ]
        try:
            answer = handle(records, self.services, deadline=self.now + DEADLINE)
        except Crash:
            return [message.identifier for message in batch]
        failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
        self.queue.messages = [
            message for message in self.queue.messages if message not in batch or message.identifier in failed
        ]
        return failed

    def settle(self, *, until: float | None = None) -> None:
        """Deliver until the queue is empty (or what is left is due later than `until`)."""
        for _ in range(400):
            if not self.queue.messages:
                return
            due = min(message.visible_at for message in self.queue.messages)
            if until is not None and due > until:
                return
            self.now = max(self.now, due)
            self.deliver()
        raise AssertionError(f"never settles: {self.queue.messages}")

    # What is there

    def items(self, prefix: str) -> list[dict[str, Any]]:
        items = self.dynamodb.scan(TableName=TABLE, ConsistentRead=True)["Items"]
        found = [item for item in items if item["item"]["S"].startswith(prefix)]
        return sorted(found, key=lambda item: str(item["item"]["S"]))

    def files(self) -> dict[tuple[str, str], FileRow]:
        rows = [from_item(FileRow, item) for item in self.items("file#")]
        return {(row.key.removeprefix(f"raw/{MODEL}/"), row.version_id): row for row in rows}

    def states(self) -> dict[str, str]:
        """The state of each file; for tests with one version of each."""
        return {name: row.state for (name, _), row in self.files().items()}

    def runs(self) -> list[RunRow]:
        return [from_item(RunRow, item) for item in self.items("run#")]

    def skips(self) -> list[Skip]:
        return [from_item(Skip, item) for item in self.items("skip#")]

    def lock(self) -> Lock:
        items = self.items("lock")
        return from_item(Lock, items[0]) if items else Lock(MODEL)

    def wake(self) -> dict[str, Any] | None:
        items = self.items("wake")
        return {name: decode(value) for name, value in items[0].items()} if items else None

    def copies(self, uri: str) -> dict[str, bytes]:
        """What lies under an input prefix; read as Preprocess does."""
        prefix = uri.removeprefix(f"s3://{ARTIFACTS}/") + "/"
        listed = self.s3.list_objects_v2(Bucket=ARTIFACTS, Prefix=prefix).get("Contents", [])
        return {
            item["Key"].removeprefix(prefix): self.s3.get_object(Bucket=ARTIFACTS, Key=item["Key"])["Body"].read()
            for item in listed
        }

    def manifests(self) -> list[set[tuple[str, str]]]:
        """The (file, version) pairs each execution was given."""
        found = []
        for execution in self.sagemaker.executions.values():
            manifest = json.loads(execution["read"]["manifest.json"])
            files = [(file["key"], file["version_id"]) for table in manifest["tables"].values() for file in table]
            assert len(files) == len(set(files))
            assert len(execution["read"]) == len(files) + 1
            found.append({(key.removeprefix(f"raw/{MODEL}/"), version) for key, version in files})
        return found


@contextmanager
def lab(model: ModelSettings | None = None, **trigger: Any) -> Iterator[Lab]:
    with mock_aws():
        yield Lab(model or settings(**trigger))
