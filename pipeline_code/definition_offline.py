"""Keeps the SageMaker SDK offline and quiet while a definition is built. `pipeline_code/definition.py` enters it.

The SDK reads the user's profile and its own config files, calls IAM and S3, sends telemetry and validates its
configuration some eighty times. A definition must depend on the settings alone, so all of that is switched off
for the length of the build and put back afterwards.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch


class AwsCallError(RuntimeError):
    """Building a definition tried to call AWS."""


@contextmanager
def offline(region: str) -> Iterator[None]:
    """Run the SDK without AWS, user configuration, log output and telemetry; raises AwsCallError afterwards."""
    calls: list[str] = []
    with ExitStack() as stack:
        for context in (_environment(region), _silence(), _no_collection(), _denied(calls), _config_checked_once()):
            stack.enter_context(context)
        yield
    if calls:
        raise AwsCallError(
            f"building the pipeline definition called AWS ({', '.join(dict.fromkeys(calls))}); synth must work "
            "without credentials and network: give the SDK the value it looked up, or a stand-in"
        )


def offline_session(region: str, *, bucket: str) -> Any:
    """A PipelineSession that uploads nothing; `bucket` stands wherever the SDK wants a default bucket."""
    import boto3
    from sagemaker.core.workflow.pipeline_context import PipelineSession

    class OfflineSession(PipelineSession):
        def default_bucket(self) -> str:
            return bucket

        def upload_data(self, *args: Any, **kwargs: Any) -> str:
            raise AwsCallError("a step tried to upload a file; step code travels as an asset of the stack")

        upload_string_as_file_body = upload_data

    config = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}
    return OfflineSession(
        boto_session=boto3.Session(region_name=region), default_bucket=bucket, sagemaker_config=config
    )


@contextmanager
def _environment(region: str) -> Iterator[None]:
    nowhere = os.devnull
    values = {
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_ACCESS_KEY_ID": "offline",
        "AWS_SECRET_ACCESS_KEY": "offline",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": nowhere,
        "AWS_SHARED_CREDENTIALS_FILE": nowhere,
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": nowhere,
        "SAGEMAKER_USER_CONFIG_OVERRIDE": nowhere,
        "SAGEMAKER_VALIDATE_ROLE": "false",
    }
    with patch.dict(os.environ, values):
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
            os.environ.pop(name, None)
        yield


@contextmanager
def _silence() -> Iterator[None]:
    """Python's own switch for all loggers: the SDK sets levels on its loggers while it is imported."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Importing the SDK makes a million lasting objects; looking for garbage among them only costs time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


@contextmanager
def _denied(calls: list[str]) -> Iterator[None]:
    from botocore.client import BaseClient

    def deny(client: BaseClient, operation: str, params: Mapping[str, Any]) -> None:
        call = f"{client.meta.service_model.service_name}:{operation}"
        calls.append(call)
        raise AwsCallError(f"the SageMaker SDK called {call} while a definition was built")

    with patch.object(BaseClient, "_make_api_call", deny):
        yield


@contextmanager
def _config_checked_once() -> Iterator[None]:
    """Remember which instances are valid: the SDK checks the same few configurations again and again."""
    import jsonschema  # type: ignore[import-untyped]

    validate: Callable[..., None] = jsonschema.validate
    valid: set[tuple[str, int]] = set()

    def validate_once(instance: Any, schema: Mapping[str, Any], *args: Any, **kwargs: Any) -> None:
        key = (json.dumps(instance, sort_keys=True, default=repr), id(schema))
        if key not in valid:
            validate(instance, schema, *args, **kwargs)
            valid.add(key)

    with patch.object(jsonschema, "validate", validate_once):
        yield
