"""What the S3 tests share: a versioned bucket whose events land in a queue."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

REGION = "ap-northeast-2"


class Uploads:
    """A bucket as the data stack makes it, and what EventBridge says of it."""

    def __init__(self, embedded: Any) -> None:
        self.s3, self._sqs = embedded.client("s3"), embedded.client("sqs")
        self.bucket = name = f"uploads-{uuid.uuid4().hex[:8]}"
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        self.s3.put_bucket_notification_configuration(
            Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]
        arn = attributes["QueueArn"]
        statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
        policy = {"Version": "2012-10-17", "Statement": [{**statement, "Resource": arn}]}
        self._sqs.set_queue_attributes(QueueUrl=self._queue, Attributes={"Policy": json.dumps(policy)})
        events = embedded.client("events")
        pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [name]}}}
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])

    def put(self, key: str, body: bytes = b"a\n1\n") -> str:
        """The version id of the new object."""
        return str(self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)["VersionId"])

    def events(self, number: int) -> list[dict[str, Any]]:
        """The next events, as many as are expected; fails when they do not come."""
        found: list[dict[str, Any]] = []
        for _ in range(20):
            if len(found) >= number:
                return found
            answer = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                found.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return pytest.fail(f"{len(found)} events came, {number} were expected: {found}")

    def versions(self, prefix: str = "", **options: Any) -> list[tuple[str, str, bool]]:
        """(key, version id, newest) of objects over all pages."""
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix, **options)
        return [(v["Key"], v["VersionId"], v["IsLatest"]) for page in pages for v in page.get("Versions", [])]
