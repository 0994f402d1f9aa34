"""The Lambda handler: a batch of SQS records in, the records to retry out."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

import boto3

from deploy_model.batch import handle
from deploy_model.deploy import Deployer
from deploy_model.settings import DeploySettings

logging.getLogger(__package__).setLevel(logging.INFO)

# Made while the function initialises, so that no message waits for it.
DEPLOYER = Deployer(
    sagemaker=boto3.client("sagemaker"),
    cloudformation=boto3.client("cloudformation"),
    s3=boto3.client("s3"),
    settings=DeploySettings.from_environment(os.environ),
)


def handler(event: Mapping[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    """Called by Lambda; records that failed are reported, so that SQS delivers only those again."""
    return handle(event["Records"], DEPLOYER)
