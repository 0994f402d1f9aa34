"""Starts the batch pipeline for one version, at most once. Called by `work.py` and `sweep.py`.

copy -> execution -> marker. Each may be repeated: the copy is always the same bytes, the request token makes a
second start the same execution, and the marker ends it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from botocore.exceptions import ClientError
from shared import log

from start_batch.bucket import is_gone
from start_batch.inputs import Input
from start_batch.services import Services

LARGEST_COPY = 5 * 1024**3
"""S3 copies no larger object in one request."""


def start(services: Services, wanted: Input, *, size: int) -> str:
    """The ARN of the version's execution; empty if nothing was to be done."""
    if _exists(services, wanted.marker_key):
        log.info("batch-known", f"{wanted.key}: was started before", **_fields(wanted))
        return ""
    tried_before = _exists(services, wanted.copy_key)
    if not tried_before and not _copy(services, wanted, size):
        return ""
    arn = (_find(services, wanted) if tried_before else "") or _execute(services, wanted)
    _mark(services, wanted, arn)
    log.info("batch-started", f"{wanted.key}: started {arn}", arn=arn, size=size, **_fields(wanted))
    return arn


def _exists(services: Services, key: str) -> bool:
    """Asked by listing: a missing object looks forbidden to who may list below a prefix only."""
    listed = services.s3.list_objects_v2(Bucket=services.settings.artifact_bucket, Prefix=key, MaxKeys=1)
    return any(item["Key"] == key for item in listed.get("Contents", ()))


def _copy(services: Services, wanted: Input, size: int) -> bool:
    """False if the version is gone for good."""
    s3, target = services.s3, services.settings.artifact_bucket
    source = {"Bucket": wanted.bucket, "Key": wanted.key, "VersionId": wanted.version_id}
    try:
        if size > LARGEST_COPY:
            s3.copy(source, target, wanted.copy_key)  # in parts
        else:
            # Without the directive S3 would copy tags too, which needs rights nothing else needs.
            s3.copy_object(CopySource=source, Bucket=target, Key=wanted.copy_key, TaggingDirective="REPLACE")
    except ClientError as error:
        if is_gone(s3, error, bucket=wanted.bucket, key=wanted.key, version_id=wanted.version_id):
            log.warning("batch-vanished", f"{wanted.key} was deleted before it could be copied", **_fields(wanted))
            return False
        raise
    return True


def _find(services: Services, wanted: Input) -> str:
    """The execution, if an invocation started it and could not write the marker."""
    pages = services.sagemaker.get_paginator("list_pipeline_executions").paginate(
        PipelineName=wanted.pipeline,
        SortBy="CreationTime",
        SortOrder="Descending",
        PaginationConfig={"MaxItems": 300},
    )
    for page in pages:
        for found in page["PipelineExecutionSummaries"]:
            if found.get("PipelineExecutionDisplayName") == wanted.id:
                return str(found["PipelineExecutionArn"])
    return ""


def _execute(services: Services, wanted: Input) -> str:
    uri = f"s3://{services.settings.artifact_bucket}/{wanted.folder}"
    answer: Mapping[str, str] = services.sagemaker.start_pipeline_execution(
        PipelineName=wanted.pipeline,
        PipelineExecutionDisplayName=wanted.id,
        PipelineParameters=[{"Name": "InputUri", "Value": uri}],
        ClientRequestToken=wanted.id,
    )
    return answer["PipelineExecutionArn"]


def _mark(services: Services, wanted: Input, arn: str) -> None:
    told = {
        "model": wanted.model,
        "bucket": wanted.bucket,
        "key": wanted.key,
        "version_id": wanted.version_id,
        "input_uri": f"s3://{services.settings.artifact_bucket}/{wanted.folder}",
        "execution": arn,
    }
    services.s3.put_object(
        Bucket=services.settings.artifact_bucket,
        Key=wanted.marker_key,
        Body=(json.dumps(told, ensure_ascii=True, indent=1, sort_keys=True) + "\n").encode("ascii"),
        ContentType="application/json",
    )


def _fields(wanted: Input) -> dict[str, str]:
    return {"model": wanted.model, "key": wanted.key, "version_id": wanted.version_id, "batch": wanted.id}
