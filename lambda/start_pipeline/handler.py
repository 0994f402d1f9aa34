"""The Lambda handler: a batch of SQS records in, the records to retry out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from shared import log

from start_pipeline.batch import handle
from start_pipeline.services import PARALLEL, Services
from start_pipeline.settings import StarterSettings

RETRIES = Config(retries={"mode": "standard", "max_attempts": 4})
POOL = RETRIES.merge(Config(max_pool_connections=PARALLEL))

log.install()

# Made while the function initialises, so that no message waits for it.
SERVICES = Services(
    s3=boto3.client("s3", config=POOL),
    sagemaker=boto3.client("sagemaker", config=RETRIES),
    dynamodb=boto3.client("dynamodb", config=POOL),
    sqs=boto3.client("sqs", config=RETRIES),
    cloudwatch=boto3.client("cloudwatch", config=RETRIES),
    settings=StarterSettings.from_environment(os.environ),
)


def handler(event: Mapping[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Called by Lambda; records that failed are reported, so that SQS delivers only those again."""
    deadline = SERVICES.clock() + context.get_remaining_time_in_millis() / 1000
    return handle(event["Records"], SERVICES, deadline=deadline)
