"""The Lambda handler: where the verdict lies in, what the registry is told out."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import boto3
from botocore.config import Config

from read_verdict.source import read
from read_verdict.verdict import outputs

log = logging.getLogger(__package__)
log.setLevel(logging.INFO)

# A step that calls a function is not tried again by the pipeline: throttling is waited out here.
PATIENT = Config(retries={"mode": "standard", "max_attempts": 10}, connect_timeout=5, read_timeout=10)
# Made while the function initialises, so that no run waits for it.
S3 = boto3.client("s3", config=PATIENT)


def handler(event: Mapping[str, str], context: object) -> dict[str, str]:
    """Called by the step ReadVerdict with the arguments of the step."""
    told = outputs(read(event["verdict_uri"], S3), model=event["model"])
    log.info("%s: %s: %s", event["model"], told["outcome"], told["sentence"])
    return told
