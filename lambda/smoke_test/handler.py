"""The Lambda handler: a batch of SQS records in, the records to retry out."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from smoke_test.batch import handle
from smoke_test.settings import SmokeSettings
from smoke_test.test import SmokeTest

logging.getLogger(__package__).setLevel(logging.INFO)

# Throttling is waited out; what remains is delivered again.
PATIENT = Config(retries={"mode": "standard", "max_attempts": 8}, connect_timeout=5, read_timeout=20)
SETTINGS = SmokeSettings.from_environment(os.environ)
# An answer that is asked for twice would be measured twice; one that is this late is too late anyway.
AT_ONCE = Config(
    retries={"total_max_attempts": 1},
    connect_timeout=5,
    read_timeout=5 + max(SETTINGS.latencies_ms.values(), default=0.0) / 1000,
)
CLIENTS = {name: boto3.client(name, config=PATIENT) for name in ("cloudformation", "sagemaker", "s3")}
RUNTIME = boto3.client("sagemaker-runtime", config=AT_ONCE)


def handler(event: Mapping[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Called by Lambda; records that failed are reported, so that SQS delivers only those again."""
    own_account = context.invoked_function_arn.split(":")[4]
    test = SmokeTest(**CLIENTS, runtime=RUNTIME, settings=SETTINGS, own_account=own_account)
    return handle(event["Records"], test, context.get_remaining_time_in_millis)
