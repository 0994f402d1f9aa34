"""The Lambda handler: a batch of SQS records in, the records to retry out; or what a pipeline's step asks for."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from deploy_model.batch import handle
from deploy_model.deploy import Deployer
from deploy_model.direct import deploy
from deploy_model.served import Callbacks
from deploy_model.settings import DeploySettings

logging.getLogger(__package__).setLevel(logging.INFO)

# Throttling is waited out; what remains is delivered again.
PATIENT = Config(retries={"mode": "standard", "max_attempts": 8}, connect_timeout=5, read_timeout=20)
# Made while the function initialises, so that no message waits for it.
DEPLOYER = Deployer(
    sagemaker=boto3.client("sagemaker", config=PATIENT),
    cloudformation=boto3.client("cloudformation", config=PATIENT),
    s3=boto3.client("s3", config=PATIENT),
    settings=DeploySettings.from_environment(os.environ),
)
QUEUE_URL = os.environ.get("QUEUE_URL")  # given only where pipelines deploy
CALLBACKS = Callbacks(DEPLOYER, boto3.client("sqs", config=PATIENT), QUEUE_URL) if QUEUE_URL else None


def handler(event: Mapping[str, Any], context: object) -> Mapping[str, Any]:
    """Called by Lambda; records that failed are reported, so that SQS delivers only those again.

    An event without records comes from a step of a pipeline.
    """
    if "Records" not in event:
        return deploy(event, DEPLOYER)
    return handle(event["Records"], DEPLOYER, CALLBACKS)
