"""Whether a version may be served: what the registry says of it, and the very bytes that it names.

SageMaker reads the archive again when it makes the endpoint, and again for every new instance: the digest found here
goes into the container's environment, and the code in the archive refuses any other files.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from deploy_model.archive import LARGEST_ARCHIVE, check_archive
from deploy_model.errors import RefusedError

PREFIX = "runs/"
NOT_THERE = ("NoSuchKey", "404", "NotFound")
TRAIN_AGAIN = "approve another version, or train again"
REGISTER_AGAIN = "register it by a run of the pipeline, which writes that"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Artifact:
    """The archive that a version names, and what the registry says that it is."""

    bucket: str
    key: str
    sha256: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def check_version(package: Mapping[str, Any], s3: Any, *, bucket: str) -> str:
    """The digest that pins the version's files; raises RefusedError if the version must not be served.

    Any other error says nothing about the version.
    """
    artifact = read_package(package, bucket=bucket)
    try:
        answer = s3.get_object(Bucket=artifact.bucket, Key=artifact.key)
    except ClientError as error:
        if error.response["Error"].get("Code") in NOT_THERE:
            raise RefusedError(f"{artifact.uri} is not there; restore it, or {TRAIN_AGAIN}") from error
        raise
    if answer["ContentLength"] > LARGEST_ARCHIVE:
        raise RefusedError(
            f"{artifact.uri} has {answer['ContentLength']:,} bytes; up to {LARGEST_ARCHIVE:,} are checked and "
            "deployed; train a smaller model"
        )
    try:
        pinned = check_archive(answer["Body"], sha256=artifact.sha256)
    except RefusedError as error:
        raise RefusedError(f"{artifact.uri}: {error}; restore it, or {TRAIN_AGAIN}") from error
    log.info("%s is sound: sha256 %s, ETag %s", artifact.uri, artifact.sha256, answer.get("ETag"))
    return pinned


def read_package(package: Mapping[str, Any], *, bucket: str) -> Artifact:
    """What the registry says of a version; raises RefusedError with all that is missing or wrong."""
    told = package.get("CustomerMetadataProperties") or {}
    missing = [name for name in ("model_sha256", "manifest_sha256", "manifest_uri") if not told.get(name)]
    if not _has_metrics(package, told):
        missing.append("metrics")
    if missing:
        raise RefusedError(f"the registry holds no {', no '.join(missing)} of it; {REGISTER_AGAIN}")
    digests = [name for name in ("model_sha256", "manifest_sha256") if not re.fullmatch("[0-9a-f]{64}", told[name])]
    if digests:
        raise RefusedError(f"its {digests[0]} is {told[digests[0]]!r}, which is no sha256; {REGISTER_AGAIN}")
    return _artifact(package, bucket, told["model_sha256"])


def _has_metrics(package: Mapping[str, Any], told: Mapping[str, str]) -> bool:
    quality = (package.get("ModelMetrics") or {}).get("ModelQuality") or {}
    return bool((quality.get("Statistics") or {}).get("S3Uri") or (told.get("metric") and told.get("value")))


def _artifact(package: Mapping[str, Any], bucket: str, sha256: str) -> Artifact:
    containers = (package.get("InferenceSpecification") or {}).get("Containers") or []
    if len(containers) != 1:
        raise RefusedError(f"it has {len(containers)} containers, and exactly one can be checked; {REGISTER_AGAIN}")
    [container] = containers
    others = [name for name in container if name.startswith("Additional")]
    if others:
        raise RefusedError(f"its container has {others[0]}, which is not checked; {REGISTER_AGAIN}")
    url = str(container.get("ModelDataUrl", ""))
    start = f"s3://{bucket}/{PREFIX}"
    if not url.startswith(start) or len(url) == len(start):
        raise RefusedError(f"its archive is {url or 'not named'}, not below {start}; {REGISTER_AGAIN}")
    return Artifact(bucket, url.removeprefix(f"s3://{bucket}/"), sha256)
