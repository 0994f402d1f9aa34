"""The archive of a version: whether it still is the registered one, and the golden rows in it. Used by `test.py`.

It is hashed first and unpacked only then, both as a stream: what the deploy function let through is safe to read.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from smoke_test.errors import FailedError
from smoke_test.registry import Version

GOLDEN, DIGESTS = "golden.json", "digests.json"
LARGEST = 4 << 20
"""Of the two files that are read."""
CHUNK = 1 << 20
AGAIN = "restore the archive, or approve another version, or train again"
NOT_THERE = ("NoSuchKey", "404", "NotFound")


@dataclass(frozen=True)
class Golden:
    """Raw rows, and the answers that the model gave when it was trained."""

    rows: list[dict[str, str]]
    answers: list[Any]


def read_golden(s3: Any, version: Version, *, bucket: str, pinned: str) -> Golden:
    """Raises FailedError if the archive is not the registered one, or not the one that the container was told."""
    place, _, key = version.uri.removeprefix("s3://").partition("/")
    if place != bucket or not key:
        raise FailedError(f"its archive is {version.uri or 'not named'}, not in {bucket}; {AGAIN}")
    etag = _checked(s3, bucket, key, version)
    body = s3.get_object(Bucket=bucket, Key=key, IfMatch=etag)["Body"]
    files = _files(body, version.uri)
    found = hashlib.sha256(files.get(DIGESTS, b"")).hexdigest()
    if pinned and found != pinned:
        raise FailedError(f"the stack pins {DIGESTS} with the digest {pinned}, {version.uri} has {found}; {AGAIN}")
    return _golden(files.get(GOLDEN), version.uri)


def _checked(s3: Any, bucket: str, key: str, version: Version) -> str:
    """The ETag of the object with the registered digest."""
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"].get("Code") in NOT_THERE:
            raise FailedError(f"{version.uri} is not there any more; {AGAIN}") from error
        raise
    digest = hashlib.sha256()
    while chunk := answer["Body"].read(CHUNK):
        digest.update(chunk)
    if digest.hexdigest() != version.sha256:
        raise FailedError(
            f"{version.uri}: its sha256 is {digest.hexdigest()}, but {version.sha256 or 'none'} was registered: "
            f"the archive was changed; {AGAIN}"
        )
    return str(answer["ETag"])


def _files(body: Any, uri: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=body, mode="r|gz") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if name not in (GOLDEN, DIGESTS) or not member.isreg() or member.size > LARGEST:
                    continue
                content = archive.extractfile(member)
                files[name] = content.read() if content else b""
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise FailedError(f"{uri} is no sound archive ({error!r}); {AGAIN}") from error
    return files


def _golden(text: bytes | None, uri: str) -> Golden:
    if text is None:
        raise FailedError(f"{uri} holds no {GOLDEN}, which the test needs; train the model again")
    try:
        held = json.loads(text)
        rows, answers = held["rows"], held["answers"]
        sound = isinstance(rows, list) and isinstance(answers, list) and 0 < len(rows) == len(answers)
    except (ValueError, KeyError, TypeError) as error:
        raise FailedError(f"{GOLDEN} in {uri} is none of the training's: {error!r}; train the model again") from error
    if not sound:
        raise FailedError(f"{GOLDEN} in {uri} does not hold as many answers as rows; train the model again")
    return Golden(rows, answers)
