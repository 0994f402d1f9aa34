"""Puts a file that cannot be a table aside, with the reason for programs and for people. Called for each finding.

The raw object stays where it is: it is its owner's. Everything here may be repeated; reason.json is written last,
so its presence means that the copy is complete.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

from start_pipeline.check_records import Finding
from start_pipeline.rows import file_item

PREFIX = "quarantine/"
COPY, REASON = "original", "reason.json"
LARGEST_COPY = 5 * 1024**3
"""S3 copies no larger object in one request; of such a file only the reason is kept, and where it lies."""


class Buckets(Protocol):
    """What is needed of the function's settings."""

    @property
    def raw_bucket(self) -> str: ...
    @property
    def artifact_bucket(self) -> str: ...


class Version(Protocol):
    """What is needed of a version of a raw object."""

    @property
    def key(self) -> str: ...
    @property
    def version_id(self) -> str: ...
    @property
    def etag(self) -> str: ...
    @property
    def size(self) -> int: ...


def quarantine(s3: Any, settings: Buckets, model: str, table: str, file: Version, finding: Finding) -> str:
    """Copy the version and write down why; returns the URI of the folder that holds both."""
    raw, target = settings.raw_bucket, settings.artifact_bucket
    item = file_item(table, bucket=raw, key=file.key, version_id=file.version_id)
    folder = f"{PREFIX}{model}/{table}/{item.rpartition('#')[2]}/"
    copied = file.size <= LARGEST_COPY
    if copied:
        source = {"Bucket": raw, "Key": file.key, "VersionId": file.version_id}
        # Without the directive S3 would copy tags too, which needs rights nothing else needs.
        s3.copy_object(CopySource=source, Bucket=target, Key=f"{folder}{COPY}", TaggingDirective="REPLACE")
    reason = {
        "model": model,
        "table": table,
        "bucket": raw,
        "key": file.key,
        "version_id": file.version_id,
        "etag": file.etag,
        "size": file.size,
        "code": finding.code,
        "reason": finding.reason,
        "details": dict(finding.details),
        "copy": f"s3://{target}/{folder}{COPY}" if copied else None,
    }
    s3.put_object(
        Bucket=target,
        Key=f"{folder}{REASON}",
        Body=(json.dumps(reason, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode("utf-8"),
        ContentType="application/json; charset=utf-8",
    )
    return f"s3://{target}/{folder}"
