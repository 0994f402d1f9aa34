"""Buckets and objects in moto's S3: owners, encryption, tags, policies. Read-only; called by the gate's parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from millrace.local.iam.moto_principals import GLOBAL, text_of

KMS_ALGORITHMS = ("aws:kms", "aws:kms:dsse")


@dataclass(frozen=True)
class Encryption:
    """The KMS key, as configured (id, ARN or alias), that encrypts an object; `bucket_key` widens its context."""

    key: str
    bucket_key: bool = False


def bucket_owner(name: str) -> str | None:
    from moto.s3.models import s3_backends

    found = s3_backends.bucket_accounts.get(name)
    return str(found[1]) if found else None


def bucket_region(name: str) -> str:
    bucket = _bucket(name)
    return str(bucket.region_name) if bucket else ""


def bucket_encryption(name: str) -> Encryption | None:
    """The key that new objects of the bucket are encrypted with by default."""
    bucket = _bucket(name)
    rule = (bucket.encryption or {}).get("Rule") if bucket else None
    default = (rule or {}).get("ApplyServerSideEncryptionByDefault") or {}
    if default.get("SSEAlgorithm") not in KMS_ALGORITHMS:
        return None
    return Encryption(default.get("KMSMasterKeyID") or "alias/aws/s3", _true((rule or {}).get("BucketKeyEnabled")))


def ownership(name: str) -> str:
    """Who owns what others put into the bucket; since 2023 its owner, unless it is told otherwise."""
    bucket = _bucket(name)
    return str((bucket.ownership_rule if bucket else None) or "BucketOwnerEnforced")


def upload_exists(bucket: str, upload: str) -> bool:
    found = _bucket(bucket)
    return found is not None and upload in found.multiparts


def is_token(bucket: str, token: str | None) -> bool:
    """Whether a page of the bucket's objects may begin with the token: none does for the first one."""
    from moto.s3.models import s3_backends

    owner = bucket_owner(bucket)
    return not token or owner is None or token in s3_backends[owner][GLOBAL]._pagination_tokens


def object_exists(bucket: str, key: str, version: str | None) -> bool:
    return object_of(bucket, key, version) is not None


def object_encryption(bucket: str, key: str, version: str | None) -> Encryption | None:
    found = object_of(bucket, key, version)
    # A delete marker, which only its version id names, has nothing to encrypt.
    if found is None or getattr(found, "encryption", None) not in KMS_ALGORITHMS:
        return None
    return Encryption(found.kms_key_id or "alias/aws/s3", _true(found.bucket_key_enabled))


def upload_encryption(bucket: str, upload: str) -> Encryption | None:
    """The key that was chosen when the multipart upload began."""
    found = _bucket(bucket)
    started = found.multiparts.get(upload) if found else None
    if started is None or not started.sse_encryption:
        return bucket_encryption(bucket)
    if started.sse_encryption not in KMS_ALGORITHMS:
        return None
    return Encryption(started.kms_key_id or "alias/aws/s3")


def object_tags(bucket: str, key: str) -> dict[str, str]:
    from moto.s3.models import s3_backends

    found, owner = object_of(bucket, key, None), bucket_owner(bucket)
    if found is None or owner is None:
        return {}
    return dict(s3_backends[owner][GLOBAL].tagger.get_tag_dict_for_resource(found.arn))


def bucket_policy(arn: str) -> str:
    bucket = _bucket(arn.split(":", 5)[5].split("/", 1)[0])
    return text_of(bucket.policy) if bucket and bucket.policy else ""


def _bucket(name: str) -> Any:
    from moto.s3.models import s3_backends

    owner = bucket_owner(name)
    return s3_backends[owner][GLOBAL].buckets.get(name) if owner else None


def object_of(bucket: str, key: str, version: str | None) -> Any:
    """moto's object; None for a delete marker, unless its version is named."""
    from moto.s3.models import FakeDeleteMarker

    found = _bucket(bucket)
    if found is None:
        return None
    if not version:
        newest = found.keys.get(key)
        return None if isinstance(newest, FakeDeleteMarker) else newest
    versions = found.keys.getlist(key, [])
    return next((each for each in versions if str(each.version_id) == version), None)


def _true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"
