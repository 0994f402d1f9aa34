"""The Lambda handler: a batch of SQS records in, the records to retry out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from shared import log

from start_batch.services import Services
from start_batch.settings import BatchSettings
from start_batch.work import handle

RETRIES = Config(retries={"mode": "standard", "max_attempts": 4})

log.install()

# Made while the function initialises, so that no message waits for it.
SERVICES = Services(
    s3=boto3.client("s3", config=RETRIES),
    sagemaker=boto3.client("sagemaker", config=RETRIES),
    sqs=boto3.client("sqs", config=RETRIES),
    settings=BatchSettings.from_environment(os.environ),
)


def handler(event: Mapping[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Called by Lambda; records that failed are reported, so that SQS delivers only those again."""
    deadline = SERVICES.clock() + context.get_remaining_time_in_millis() / 1000
    return handle(event["Records"], SERVICES, deadline=deadline)
