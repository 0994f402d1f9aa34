"""Copies a job's inputs from S3 and its outputs to S3, with the job's role, as SageMaker's agent does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from millrace.local.sagemaker.jobs.errors import JobError

WORKERS = 4
# Threads cost more than they save on a few files: the server they ask is this very process.
FEW = 8
MULTIPART_BYTES = 64 * 1024 * 1024


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an s3:// URI."""
    if not uri.startswith("s3://"):
        raise JobError(f"ClientError: {uri} is not an S3 URI. It must begin with s3://")
    bucket, _, key = uri[5:].partition("/")
    return bucket, key


@dataclass(frozen=True)
class Source:
    """One S3 input: every object under a prefix, or the objects a manifest names."""

    uri: str
    kind: str = "S3Prefix"


@dataclass(frozen=True)
class Shard:
    """One host's part of a source: every `count`-th object from `number` on, in the order of their keys."""

    number: int = 0
    count: int = 1


WHOLE = Shard()
SHARDED = "ShardedByS3Key"


def download(
    client: Any, source: Source, folder: Path, *, role: str, check: Callable[[], None], shard: Shard = WHOLE
) -> int:
    """Copy the source into the folder; the number of objects. `check` raises when the job must end."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        objects = list_objects(client, source, role)[shard.number :: shard.count]
        for _, _, relative in objects:
            (folder / relative).parent.mkdir(parents=True, exist_ok=True)

        def copy(entry: tuple[str, str, str]) -> None:
            check()
            bucket, key, relative = entry
            fetch(client, bucket, key, folder / relative)

        each(copy, objects)
    except (ClientError, BotoCoreError, OSError) as error:
        raise JobError(f"ClientError: Data download failed: {source.uri}: {error}") from error
    return len(objects)


def each(action: Callable[[Any], None], items: list[Any]) -> None:
    """Do it for all items, a few at a time; the first error comes out."""
    if len(items) < FEW:
        for item in items:
            action(item)
        return
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(action, items))


def list_objects(client: Any, source: Source, role: str) -> list[tuple[str, str, str]]:
    """Bucket, key and path below the folder of each object, in the order of the keys."""
    return list(_objects(client, source, role))


def fetch(client: Any, bucket: str, key: str, path: Path) -> None:
    """Copy one object into a file."""
    body = client.get_object(Bucket=bucket, Key=key)["Body"]
    with path.open("wb") as file:
        for chunk in iter(lambda: body.read(1 << 20), b""):
            file.write(chunk)


def _objects(client: Any, source: Source, role: str) -> Iterator[tuple[str, str, str]]:
    if source.kind == "ManifestFile":
        yield from _manifest(client, source.uri)
        return
    bucket, prefix = split_uri(source.uri)
    found = False
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", ()):
            if not entry["Key"].endswith("/"):
                found = True
                yield bucket, entry["Key"], relative_path(entry["Key"], prefix)
    if not found:
        raise JobError(
            f'ClientError: Data download failed: No S3 objects found under S3 URL "{source.uri}" given in input '
            "data source. Please ensure that the bucket exists in the selected region, that objects exist under "
            f'that S3 prefix, and that the role "{role}" has "s3:ListBucket" permissions on bucket "{bucket}".'
        )


def relative_path(key: str, prefix: str) -> str:
    """Where an object goes: below the prefix as a folder, else below the prefix's last slash."""
    if prefix and not prefix.endswith("/") and key.startswith(prefix + "/"):
        base = prefix + "/"
    else:
        base = prefix[: prefix.rfind("/") + 1]
    relative = key[len(base) :]
    parts = Path(relative).parts
    if not parts or ".." in parts or relative.startswith("/"):
        raise JobError(f"ClientError: Data download failed: the object key {key!r} is no file path")
    return relative


def _manifest(client: Any, uri: str) -> Iterator[tuple[str, str, str]]:
    bucket, key = split_uri(uri)
    entries = json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read())
    if not entries or not isinstance(entries[0], dict) or "prefix" not in entries[0]:
        raise JobError(f'ClientError: the manifest {uri} must be a list that begins with {{"prefix": "s3://..."}}')
    prefix = entries[0]["prefix"]
    for entry in entries[1:]:
        of_bucket, of_key = split_uri(prefix + entry)
        yield of_bucket, of_key, relative_path(of_key, split_uri(prefix)[1])


@dataclass(frozen=True)
class Upload:
    """Writes outputs with the job's role. What arrived before a failure stays: the role need not be able to delete."""

    client: Any
    kms_key: str | None = None

    def __call__(self, files: Iterable[tuple[Path, str]]) -> None:
        """Upload each file to its s3:// URI."""
        try:
            each(self._put, list(files))
        except (ClientError, BotoCoreError, OSError) as error:
            raise JobError(f"ClientError: Data upload failed: {error}") from error

    def _put(self, entry: tuple[Path, str]) -> None:
        path, uri = entry
        bucket, key = split_uri(uri)
        extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key} if self.kms_key else {}
        if path.stat().st_size > MULTIPART_BYTES:
            self.client.upload_file(str(path), bucket, key, ExtraArgs=extra or None)
            return
        with path.open("rb") as body:
            self.client.put_object(Bucket=bucket, Key=key, Body=body, **extra)


def files_below(folder: Path, uri: str) -> list[tuple[Path, str]]:
    """Every file of a folder with the URI it is uploaded to."""
    base = uri.rstrip("/")
    return [
        (path, f"{base}/{path.relative_to(folder).as_posix()}")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    ]
