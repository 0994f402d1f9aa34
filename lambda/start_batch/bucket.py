"""Whether a version of an object is there, and how large it is. Used by `work.py`."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from start_batch.errors import GONE, REFUSED, code_of

UNKNOWN_VERSION = {"400", "InvalidArgument", "BadRequest"}
"""How S3 answers a version id that is none of its own."""


def size_of(s3: Any, *, bucket: str, key: str, version_id: str) -> int | None:
    """The bytes of a version; None if there is no such version (any more)."""
    try:
        return int(s3.head_object(Bucket=bucket, Key=key, VersionId=version_id)["ContentLength"])
    except ClientError as error:
        if is_gone(s3, error, bucket=bucket, key=key, version_id=version_id):
            return None
        raise


def is_gone(s3: Any, error: ClientError, *, bucket: str, key: str, version_id: str) -> bool:
    """Does the error mean that there is no such version? S3 may answer "access denied" instead, so ask the listing."""
    if code_of(error) not in REFUSED | UNKNOWN_VERSION:
        return code_of(error) in GONE
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
        versions = page.get("Versions", ())
        if any(listed["Key"] == key and listed["VersionId"] == version_id for listed in versions):
            return False
        if any(listed["Key"] != key for listed in versions):
            break  # the listing is sorted: the longer keys come after all versions of this one
    return True
