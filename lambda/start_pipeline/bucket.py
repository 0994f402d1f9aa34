"""The raw bucket: which names count, every version there is, and the first bytes of one. Used by look and admit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from start_pipeline.errors import Vanished, code_of
from start_pipeline.settings import ModelSettings

RAW = "raw"
GONE = {"NoSuchKey", "NoSuchVersion", "NotFound", "404", "MethodNotAllowed", "405"}
"""How S3 says that there is no such version; a delete marker's version may not be read (405)."""
REFUSED = {"AccessDenied", "403", "Forbidden"}
EMPTY = {"InvalidRange", "416"}
"""How S3 answers who asks for the first bytes of nothing."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an object under a table's prefix. `hidden` is by what: nothing, a newer version or a delete."""

    table: str
    key: str
    version_id: str
    etag: str
    size: int
    modified: float
    hidden: str = ""


OVERWRITTEN, REMOVED = "overwritten", "removed"


@dataclass(frozen=True)
class Listing:
    """Everything under a model's prefix. Two listings with the same digest are the same."""

    versions: tuple[Version, ...]
    digest: str
    pages: int


@dataclass(frozen=True)
class Head:
    """The first bytes of a version, and what S3 says about it."""

    data: bytes
    size: int
    etag: str
    modified: float


def ignored(key: str) -> bool:
    """Markers, hidden and half-written files: not worth a row."""
    name = key.rpartition("/")[2]
    return not name or name.startswith(("_", ".")) or name.lower().endswith(".tmp")


def location(key: str) -> tuple[str, str] | None:
    """The model and the table of a key raw/<model>/<table>/<file>."""
    parts = key.split("/", 3)
    return (parts[1], parts[2]) if len(parts) == 4 and parts[0] == RAW else None


def list_versions(s3: Any, *, bucket: str, model: ModelSettings) -> Listing:
    """Look at the bucket as it is now."""
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=f"{RAW}/{model.name}/")
    return read_pages(pages, model)


def read_pages(pages: Iterable[Mapping[str, Any]], model: ModelSettings) -> Listing:
    """What S3 listed; the digest covers the model's settings too, for they decide what the listing means."""
    found: list[tuple[Version, bool]] = []
    removed: set[str] = set()
    digest = hashlib.sha256(repr(model).encode())
    count = 0
    for page in pages:
        count += 1
        for marker in page.get("DeleteMarkers", ()):
            digest.update(f"-{marker['Key']}\0{marker['VersionId']}\0{marker['IsLatest']}\n".encode())
            if marker["IsLatest"]:
                removed.add(marker["Key"])
        for listed in page.get("Versions", ()):
            digest.update(f"+{listed['Key']}\0{listed['VersionId']}\0{listed['IsLatest']}\n".encode())
            place = location(listed["Key"])
            if place and place[1] in model.tables and not ignored(listed["Key"]):
                found.append((_version(place[1], listed), listed["IsLatest"]))
    versions = tuple(_classified(version, latest, removed) for version, latest in found)
    return Listing(versions, digest.hexdigest(), count)


def _version(table: str, listed: Mapping[str, Any]) -> Version:
    modified = listed["LastModified"].timestamp()
    return Version(table, listed["Key"], listed["VersionId"], listed["ETag"].strip('"'), listed["Size"], modified)


def _classified(version: Version, latest: bool, removed: set[str]) -> Version:
    if latest:
        return version
    hidden = REMOVED if version.key in removed else OVERWRITTEN
    return Version(
        version.table, version.key, version.version_id, version.etag, version.size, version.modified, hidden=hidden
    )


def read_head(s3: Any, *, bucket: str, key: str, version_id: str, length: int) -> Head:
    """The first bytes of a version; raises Vanished if it is gone."""
    try:
        answer = s3.get_object(Bucket=bucket, Key=key, VersionId=version_id, Range=f"bytes=0-{length - 1}")
    except ClientError as error:
        if code_of(error) in EMPTY:
            return Head(b"", 0, "", 0)
        if is_gone(s3, error, bucket=bucket, key=key, version_id=version_id):
            raise Vanished(f"s3://{bucket}/{key} has no version {version_id} (any more)") from error
        raise
    data = answer["Body"].read()
    span = answer.get("ContentRange", "")
    size = int(span.rpartition("/")[2]) if span else answer["ContentLength"]
    return Head(data, size, answer["ETag"].strip('"'), answer["LastModified"].timestamp())


def is_gone(s3: Any, error: ClientError, *, bucket: str, key: str, version_id: str) -> bool:
    """Does the error mean that there is no such version? S3 may answer "access denied" instead, so ask the listing."""
    if code_of(error) not in REFUSED:
        return code_of(error) in GONE
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
    for page in pages:
        versions = page.get("Versions", ())
        if any(listed["Key"] == key and listed["VersionId"] == version_id for listed in versions):
            return False
        if any(listed["Key"] != key for listed in versions):
            break  # the listing is sorted: the longer keys come after all versions of this one
    return True
