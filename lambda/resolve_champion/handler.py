"""The Lambda handler: the name of a model in, its champion out."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

import boto3
from botocore.config import Config

from resolve_champion.registry import Registry
from resolve_champion.resolve import resolve
from resolve_champion.settings import ChampionSettings

log = logging.getLogger(__package__)
log.setLevel(logging.INFO)

# A step that calls a function is not tried again by the pipeline: throttling is waited out here.
PATIENT = Config(retries={"mode": "standard", "max_attempts": 10}, connect_timeout=5, read_timeout=10)
# Made while the function initialises, so that no run waits for it.
REGISTRY = Registry(
    sagemaker=boto3.client("sagemaker", config=PATIENT),
    s3=boto3.client("s3", config=PATIENT),
    settings=ChampionSettings.from_environment(os.environ),
)


def handler(event: Mapping[str, str], context: object) -> dict[str, str]:
    """Called by the step ResolveChampion with the arguments of the step."""
    champion = resolve(event["model"], REGISTRY)
    log.info("%s: %s: %s", event["model"], champion.version, champion.reason)
    return champion.answer()
