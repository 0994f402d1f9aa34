"""Reads the file that Evaluate wrote. Called by `handler.py`."""

from __future__ import annotations

from typing import Any

from read_verdict.errors import VerdictError

LARGEST_BYTES = 1_000_000
"""A verdict has some kilobytes; a segment for each value of a column can make it longer."""


def read(uri: str, s3: Any) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not key:
        raise VerdictError(f"verdict_uri is {uri!r}; write s3://<bucket>/<key>")
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read(LARGEST_BYTES + 1)
    if len(body) > LARGEST_BYTES:
        raise VerdictError(f"{uri} is longer than {LARGEST_BYTES:,} bytes; it is no verdict of Evaluate")
    return bytes(body)
