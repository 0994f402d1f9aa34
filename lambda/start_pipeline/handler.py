"""The Lambda handler: a batch of SQS records in, the records to retry out."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from start_pipeline.batch import handle
from start_pipeline.settings import StarterSettings
from start_pipeline.start import PARALLEL_COPIES, Starter

logging.getLogger(__package__).setLevel(logging.INFO)

# Made while the function initialises, so that no message waits for it.
STARTER = Starter(
    s3=boto3.client("s3", config=Config(max_pool_connections=PARALLEL_COPIES)),
    sagemaker=boto3.client("sagemaker"),
    settings=StarterSettings.from_environment(os.environ),
)


def handler(event: Mapping[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    """Called by Lambda; records that failed are reported, so that SQS delivers only those again."""
    return handle(event["Records"], STARTER)
