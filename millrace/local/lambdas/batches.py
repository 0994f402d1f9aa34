"""Batches of SQS messages as a function sees them, and what its answer says about each message. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from millrace.local.events.pattern import Pattern, PatternError

REPORT_FAILURES = "ReportBatchItemFailures"


@dataclass(frozen=True)
class Mapping:
    """An event source mapping from a queue to a function."""

    uuid: str
    queue_arn: str
    function_arn: str
    batch_size: int
    window_seconds: int
    concurrency: int
    reports_failures: bool
    filters: tuple[str, ...]

    @classmethod
    def read(cls, config: dict[str, Any], *, default_concurrency: int) -> Mapping:
        """From an entry of ListEventSourceMappings."""
        filters = (config.get("FilterCriteria") or {}).get("Filters") or []
        return cls(
            uuid=config["UUID"],
            queue_arn=config["EventSourceArn"],
            function_arn=config["FunctionArn"],
            batch_size=config.get("BatchSize") or 10,
            window_seconds=config.get("MaximumBatchingWindowInSeconds") or 0,
            concurrency=(config.get("ScalingConfig") or {}).get("MaximumConcurrency") or default_concurrency,
            reports_failures=REPORT_FAILURES in (config.get("FunctionResponseTypes") or []),
            filters=tuple(item["Pattern"] for item in filters if item.get("Pattern")),
        )


def record(message: dict[str, Any], queue_arn: str) -> dict[str, Any]:
    """A received message as it stands in a function's event."""
    made = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }
    if "MD5OfMessageAttributes" in message:
        made["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return made


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    if "StringValue" in value:
        made["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        made["binaryValue"] = value["BinaryValue"].decode("latin-1")
    return made


def wanted(message: dict[str, Any], filters: Sequence[str]) -> bool:
    """Whether one of the filters (all of them, if there are none) lets a record through."""
    if not filters:
        return True
    try:
        body = json.loads(message["body"])
    except ValueError:
        body = message["body"]
    shown = {**message, "body": body}
    return any(_matches(pattern, shown) for pattern in filters)


def _matches(pattern: str, message: dict[str, Any]) -> bool:
    try:
        return Pattern.parse(pattern).matches(message)
    except PatternError:
        return False


def failed_messages(payload: bytes, ids: Sequence[str]) -> set[str]:
    """The ids that a ReportBatchItemFailures answer gives back; all of them when it makes no sense."""
    everything = set(ids)
    answer = json.loads(payload)
    if answer is None or answer == {}:
        return set()
    failures = answer.get("batchItemFailures", MISSING) if isinstance(answer, dict) else MISSING
    if failures is MISSING:
        return set() if isinstance(answer, dict) else everything
    if failures is None:
        return set()
    if not isinstance(failures, list):
        return everything
    named = {item.get("itemIdentifier") if isinstance(item, dict) else None for item in failures}
    return {str(name) for name in named} if named <= everything else everything


MISSING: Any = object()
