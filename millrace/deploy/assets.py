"""Publishes file assets: only what S3 does not hold yet, several at a time."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from millrace.deploy.archive import zipped
from millrace.deploy.assembly import FileAsset
from millrace.deploy.progress import Progress, Report
from millrace.errors import MillraceError

THREADS = 8


def published_keys(s3: Any, buckets: Iterable[str]) -> set[tuple[str, str]]:
    """Every (bucket, key) of these buckets; a bucket that does not exist yet holds nothing."""
    found: set[tuple[str, str]] = set()
    for bucket in buckets:
        try:
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                found.update((bucket, entry["Key"]) for entry in page.get("Contents", []))
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise MillraceError(f"cannot list {bucket}: {error}") from error
    return found


def publish(s3: Any, assets: Iterable[FileAsset], report: Report) -> None:
    """Upload every asset; the first failure is raised, naming the asset."""

    def upload(asset: FileAsset) -> None:
        if not asset.source.exists():
            raise MillraceError(f"asset {asset.name}: {asset.source} is missing; run `cdk synth` again")
        body = zipped(asset.source) if asset.packaging == "zip" else asset.source.read_bytes()
        try:
            s3.put_object(Bucket=asset.bucket, Key=asset.key, Body=body)
        except ClientError as error:
            raise MillraceError(f"asset {asset.name} could not be published: {error}") from error
        report(Progress("asset", "", asset.name, "asset", "PUBLISHED"))

    wanted = list(assets)
    if wanted:
        with ThreadPoolExecutor(min(THREADS, len(wanted)), thread_name_prefix="publish") as pool:
            for _ in pool.map(upload, wanted):
                pass
