"""What SQS refuses of a queue's attributes and moto takes; the gateway calls `check` before moto serves a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from millrace.local.service import ServiceError
from millrace.local.wire import Operation

RANGES = {
    "DelaySeconds": (0, 900),
    "KmsDataKeyReusePeriodSeconds": (60, 86400),
    "MaximumMessageSize": (1024, 1048576),
    "MessageRetentionPeriod": (60, 1209600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43200),
}
OTHERS = (
    *("Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId", "SqsManagedSseEnabled"),
    *("FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"),
)


def check(operation: Operation, _environ: Mapping[str, Any]) -> None:
    """Raise SQS's error for an attribute that it does not know, or a number out of its range."""
    if operation.name not in ("CreateQueue", "SetQueueAttributes"):
        return
    for name, value in (operation.params.get("Attributes") or {}).items():
        if name not in RANGES and name not in OTHERS:
            raise ServiceError("InvalidAttributeName", f"Unknown Attribute {name}.")
        low, high = RANGES.get(name, (0, 0))
        if name in RANGES and not (value.isdigit() and low <= int(value) <= high):
            told = f"Invalid value for the parameter {name}: {value} given, {low} to {high} are allowed."
            raise ServiceError("InvalidAttributeValue", told)
