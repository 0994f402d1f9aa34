"""Versioned S3 buckets in memory: the operations that the starter uses, and what a user does to raw data."""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from tests.chaos.aws.errors import aws_error

LARGEST_PAGE = 1000


@dataclass(frozen=True)
class ObjectVersion:
    """One version of an object; a delete marker has no body."""

    key: str
    version_id: str
    body: bytes | None
    modified: float

    @property
    def marker(self) -> bool:
        return self.body is None

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.body or b"", usedforsecurity=False).hexdigest()}"'

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(int(self.modified), UTC)


@dataclass
class Buckets:
    """`page` bounds what one answer lists: AWS may always answer with less than was asked for."""

    now: Callable[[], float]
    page: int = LARGEST_PAGE
    stored: dict[str, dict[str, list[ObjectVersion]]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def put(self, bucket: str, key: str, body: bytes | None) -> ObjectVersion:
        """A new version; without a body it is a delete marker."""
        number = f"{bucket}/{next(self.numbers)}".encode()
        version = ObjectVersion(key, hashlib.sha256(number).hexdigest()[:32], body, self.now())
        self.stored.setdefault(bucket, {}).setdefault(key, []).append(version)
        return version

    def remove(self, bucket: str, key: str, version_id: str) -> None:
        versions = self.stored[bucket][key]
        versions[:] = [version for version in versions if version.version_id != version_id]

    def versions(self, bucket: str, prefix: str = "") -> list[tuple[ObjectVersion, bool]]:
        """Every version and whether it is the latest, by key and the newest first, as S3 lists them."""
        keys = self.stored.get(bucket, {})
        found = sorted((key for key in keys if key.startswith(prefix)), key=str.encode)
        return [(version, number == 0) for key in found for number, version in enumerate(reversed(keys[key]))]

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Serve one S3 operation."""
        operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "ListObjectVersions": self._list_versions,
            "ListObjectsV2": self._list,
            "GetObject": self._get,
            "HeadObject": self._head,
            "PutObject": self._put,
            "CopyObject": self._copy,
        }
        if operation not in operations:
            raise NotImplementedError(f"the in-memory S3 has no {operation}; add it to {__name__}")
        return operations[operation](request)

    def _find(self, request: dict[str, Any], operation: str) -> ObjectVersion:
        versions = self.stored.get(request["Bucket"], {}).get(request["Key"], [])
        wanted = request.get("VersionId")
        if wanted is None:
            if not versions or versions[-1].marker:
                raise _missing("NoSuchKey", operation)
            return versions[-1]
        found = next((version for version in versions if version.version_id == wanted), None)
        if found is None:
            raise _missing("NoSuchVersion", operation)
        if found.marker:
            if operation == "CopyObject":
                raise aws_error("InvalidRequest", operation)
            raise aws_error("MethodNotAllowed", operation, status=405)
        return found

    def _head(self, request: dict[str, Any]) -> dict[str, Any]:
        return _description(self._find(request, "HeadObject"))

    def _get(self, request: dict[str, Any]) -> dict[str, Any]:
        version = self._find(request, "GetObject")
        body = version.body or b""
        extra: dict[str, Any] = {}
        if "Range" in request:
            first, _, last = request["Range"].removeprefix("bytes=").partition("-")
            if int(first) >= len(body):
                raise aws_error("InvalidRange", "GetObject", status=416, ActualObjectSize=str(len(body)))
            end = min(int(last) if last else len(body) - 1, len(body) - 1)
            extra["ContentRange"] = f"bytes {first}-{end}/{len(body)}"
            body = body[int(first) : end + 1]
        stream: Any = io.BytesIO(body)
        return _description(version) | extra | {"ContentLength": len(body), "Body": StreamingBody(stream, len(body))}

    def _put(self, request: dict[str, Any]) -> dict[str, Any]:
        body = request.get("Body", b"")
        data = body.read() if hasattr(body, "read") else body.encode() if isinstance(body, str) else bytes(body)
        here = self.stored.get(request["Bucket"], {}).get(request["Key"], [])
        if request.get("IfNoneMatch") == "*" and here and not here[-1].marker:
            raise aws_error("PreconditionFailed", "PutObject", status=412)
        version = self.put(request["Bucket"], request["Key"], data)
        return {"ETag": version.etag, "VersionId": version.version_id}

    def _copy(self, request: dict[str, Any]) -> dict[str, Any]:
        source = self._find(request["CopySource"], "CopyObject")
        version = self.put(request["Bucket"], request["Key"], source.body)
        return {"CopyObjectResult": {"ETag": version.etag}, "VersionId": version.version_id}

    def _list(self, request: dict[str, Any]) -> dict[str, Any]:
        found = [
            version
            for version, latest in self.versions(request["Bucket"], request.get("Prefix", ""))
            if latest and not version.marker
        ]
        after = request.get("ContinuationToken") or request.get("StartAfter") or ""
        rest = [version for version in found if version.key.encode() > after.encode()]
        page = rest[: min(self.page, request.get("MaxKeys", LARGEST_PAGE))]
        answer: dict[str, Any] = {"IsTruncated": len(page) < len(rest), "KeyCount": len(page)}
        if page:
            answer["Contents"] = [
                {"Key": v.key, "ETag": v.etag, "Size": len(v.body or b""), "LastModified": v.moment} for v in page
            ]
        if answer["IsTruncated"]:
            answer["NextContinuationToken"] = page[-1].key
        return answer

    def _list_versions(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self.versions(request["Bucket"], request.get("Prefix", ""))
        rest = found[_start(found, request.get("KeyMarker"), request.get("VersionIdMarker")) :]
        page = rest[: min(self.page, request.get("MaxKeys", LARGEST_PAGE))]
        answer: dict[str, Any] = {"IsTruncated": len(page) < len(rest), "Versions": [], "DeleteMarkers": []}
        encode = quote if request.get("EncodingType") == "url" else str
        for version, latest in page:
            entry = {"Key": encode(version.key), "VersionId": version.version_id, "IsLatest": latest}
            entry["LastModified"] = version.moment
            if version.marker:
                answer["DeleteMarkers"].append(entry)
            else:
                answer["Versions"].append(entry | {"ETag": version.etag, "Size": len(version.body or b"")})
        if answer["IsTruncated"]:
            answer |= {"NextKeyMarker": encode(page[-1][0].key), "NextVersionIdMarker": page[-1][0].version_id}
        return {name: value for name, value in answer.items() if value != []}


def _start(found: list[tuple[ObjectVersion, bool]], key: str | None, version_id: str | None) -> int:
    """Where a listing goes on: after the named version of the key, or after all of the key's versions."""
    if not key:
        return 0
    for number, (version, _) in enumerate(found):
        if version_id and version.key == key and version.version_id == version_id:
            return number + 1
        if version.key.encode() > key.encode():
            return number
    return len(found)


def _description(version: ObjectVersion) -> dict[str, Any]:
    return {
        "ETag": version.etag,
        "VersionId": version.version_id,
        "ContentLength": len(version.body or b""),
        "LastModified": version.moment,
    }


def _missing(code: str, operation: str) -> ClientError:
    return aws_error("404" if operation == "HeadObject" else code, operation, "not found", status=404)
