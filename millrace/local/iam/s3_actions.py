"""S3's requests: its actions are named after permissions, not after operations, and one request may need several.

Called by `actions`. The table follows "Required permissions for Amazon S3 API operations" in S3's user guide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from millrace.local.iam import moto_s3
from millrace.local.iam.needs import Need, Place

Params = Mapping[str, Any]

ACCOUNT_ACTIONS = {"ListBuckets": "ListAllMyBuckets", "ListDirectoryBuckets": "ListAllMyDirectoryBuckets"}
# Operations on a bucket whose action is called otherwise.
BUCKET_ACTIONS = {
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketAnalyticsConfiguration": "PutAnalyticsConfiguration",
    "DeleteBucketIntelligentTieringConfiguration": "PutIntelligentTieringConfiguration",
    "DeleteBucketInventoryConfiguration": "PutInventoryConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketMetricsConfiguration": "PutMetricsConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketAnalyticsConfiguration": "GetAnalyticsConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketIntelligentTieringConfiguration": "GetIntelligentTieringConfiguration",
    "GetBucketInventoryConfiguration": "GetInventoryConfiguration",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketMetricsConfiguration": "GetMetricsConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "ListBucketAnalyticsConfigurations": "GetAnalyticsConfiguration",
    "ListBucketIntelligentTieringConfigurations": "GetIntelligentTieringConfiguration",
    "ListBucketInventoryConfigurations": "GetInventoryConfiguration",
    "ListBucketMetricsConfigurations": "GetMetricsConfiguration",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "PutBucketAnalyticsConfiguration": "PutAnalyticsConfiguration",
    "PutBucketCors": "PutBucketCORS",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketIntelligentTieringConfiguration": "PutIntelligentTieringConfiguration",
    "PutBucketInventoryConfiguration": "PutInventoryConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketMetricsConfiguration": "PutMetricsConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutBucketReplication": "PutReplicationConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
# Operations on an object: the action, and the action when a version is named.
OBJECT_ACTIONS = {
    "AbortMultipartUpload": ("AbortMultipartUpload", ""),
    "CompleteMultipartUpload": ("PutObject", ""),
    "CreateMultipartUpload": ("PutObject", ""),
    "DeleteObject": ("DeleteObject", "DeleteObjectVersion"),
    "DeleteObjectTagging": ("DeleteObjectTagging", "DeleteObjectVersionTagging"),
    "GetObject": ("GetObject", "GetObjectVersion"),
    "GetObjectAcl": ("GetObjectAcl", "GetObjectVersionAcl"),
    "GetObjectTagging": ("GetObjectTagging", "GetObjectVersionTagging"),
    "HeadObject": ("GetObject", "GetObjectVersion"),
    "ListParts": ("ListMultipartUploadParts", ""),
    "PutObject": ("PutObject", ""),
    "PutObjectAcl": ("PutObjectAcl", "PutObjectVersionAcl"),
    "PutObjectTagging": ("PutObjectTagging", "PutObjectVersionTagging"),
    "SelectObjectContent": ("GetObject", ""),
    "UploadPart": ("PutObject", ""),
}
READS_OF_OBJECTS = ("GetObject", "HeadObject", "GetObjectAttributes")
# Parameters of a write that need an action of their own.
EXTRA_WRITES = {
    "PutObjectAcl": ("ACL", "GrantFullControl", "GrantRead", "GrantReadACP", "GrantWriteACP"),
    "PutObjectTagging": ("Tagging",),
    "PutObjectRetention": ("ObjectLockMode", "ObjectLockRetainUntilDate"),
    "PutObjectLegalHold": ("ObjectLockLegalHoldStatus",),
}
EXTRA_BUCKET = {
    "PutBucketAcl": ("ACL", "GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP"),
    "PutBucketOwnershipControls": ("ObjectOwnership",),
    "PutBucketObjectLockConfiguration": ("ObjectLockEnabledForBucket",),
}


def bucket_arn(bucket: str) -> str:
    return f"arn:aws:s3:::{bucket}"


def object_arn(bucket: str, key: str) -> str:
    return f"arn:aws:s3:::{bucket}/{key}"


def needs(operation: str, params: Params, place: Place) -> list[Need]:
    if operation in SPECIAL:
        return SPECIAL[operation](params)
    bucket, key = params.get("Bucket"), params.get("Key")
    if not bucket:
        return [Need(f"s3:{ACCOUNT_ACTIONS.get(operation, operation)}")]
    if key is None:
        return [Need(f"s3:{BUCKET_ACTIONS.get(operation, operation)}", bucket_arn(bucket))]
    plain, versioned = OBJECT_ACTIONS.get(operation, (operation, ""))
    action = versioned if versioned and params.get("VersionId") else plain
    return [Need(f"s3:{action}", object_arn(bucket, key)), *_extra_writes(operation, params)]


def _extra_writes(operation: str, params: Params) -> list[Need]:
    if operation not in ("PutObject", "CreateMultipartUpload", "CopyObject"):
        return []
    arn = object_arn(params["Bucket"], params["Key"])
    extra = [Need(f"s3:{name}", arn) for name, given in EXTRA_WRITES.items() if any(params.get(g) for g in given)]
    if operation == "CopyObject" and params.get("TaggingDirective") == "COPY":
        extra.append(Need("s3:PutObjectTagging", arn))
    return extra


def _copy(params: Params) -> list[Need]:
    bucket, key, version = copy_source(params)
    read = Need("s3:GetObjectVersion" if version else "s3:GetObject", object_arn(bucket, key))
    write = Need("s3:PutObject", object_arn(params["Bucket"], params["Key"]))
    if params.get("TaggingDirective") == "COPY":
        tags = "s3:GetObjectVersionTagging" if version else "s3:GetObjectTagging"
        return [read, Need(tags, read.resource), write, *_extra_writes("CopyObject", params)]
    return [read, write, *_extra_writes("CopyObject", params)]


def copy_source(params: Params) -> tuple[str, str, str]:
    """Bucket, key and version ("" for the current one) that a copy reads."""
    source = params.get("CopySource") or ""
    if isinstance(source, Mapping):
        return source["Bucket"], source["Key"], source.get("VersionId", "")
    path, _, query = source.partition("?")
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    return bucket, key, parse_qs(query).get("versionId", [""])[0]


def _delete_several(params: Params) -> list[Need]:
    objects = (params.get("Delete") or {}).get("Objects") or []
    found = [
        Need(
            "s3:DeleteObjectVersion" if each.get("VersionId") else "s3:DeleteObject",
            object_arn(params["Bucket"], each.get("Key", "")),
        )
        for each in objects
    ]
    return found or [Need("s3:DeleteObject", object_arn(params["Bucket"], "*"))]


def _attributes(params: Params) -> list[Need]:
    arn = object_arn(params["Bucket"], params["Key"])
    version = "Version" if params.get("VersionId") else ""
    return [Need(f"s3:GetObject{version}", arn), Need(f"s3:GetObject{version}Attributes", arn)]


def _create_bucket(params: Params) -> list[Need]:
    arn = bucket_arn(params["Bucket"])
    extra = [Need(f"s3:{name}", arn) for name, given in EXTRA_BUCKET.items() if any(params.get(g) for g in given)]
    return [Need("s3:CreateBucket", arn), *extra]


SPECIAL: Mapping[str, Callable[[Params], list[Need]]] = {
    "CopyObject": _copy,
    "CreateBucket": _create_bucket,
    "DeleteObjects": _delete_several,
    "GetObjectAttributes": _attributes,
    "UploadPartCopy": _copy,
}


def missing_object(operation: str, params: Params) -> list[Need]:
    """Who may not list a bucket may not learn that an object is missing: S3 then answers 403, not 404.

    Conditions on s3:prefix are evaluated with the key that was asked for.
    """
    if operation in ("CopyObject", "UploadPartCopy"):
        bucket, key, version = copy_source(params)
    elif operation in READS_OF_OBJECTS and params.get("Key"):
        bucket, key, version = params["Bucket"], params["Key"], params.get("VersionId") or ""
    else:
        return []
    if not moto_s3.bucket_owner(bucket) or moto_s3.object_exists(bucket, key, version or None):
        return []
    context = {"s3:prefix": (key,)}
    return [Need("s3:ListBucket", bucket_arn(bucket), context, because=f"s3:{operation} of a missing object")]
