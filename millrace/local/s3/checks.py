"""What S3 refuses and moto takes, or stumbles over; the gateway calls `check` before moto serves a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any

from millrace.local.iam import moto_s3
from millrace.local.iam.s3_actions import copy_source
from millrace.local.s3 import digests, parts
from millrace.local.s3.versions import lock_of
from millrace.local.service import ServiceError
from millrace.local.wire import Operation

BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
RESERVED = ("xn--", "sthree-", "amzn-s3-demo-")
RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
MOST_METADATA_BYTES = 2048
MOST_PARTS = 10_000
UPLOADS = ("PutObject", "UploadPart")
COPIES = ("CopyObject", "UploadPartCopy")
READS = ("GetObject", "HeadObject")
CONDITIONAL = ("PutObject", "CompleteMultipartUpload", "CopyObject", "DeleteObject")
NOT_CHECKED_BY_MOTO = ("CompleteMultipartUpload", "CopyObject")
NOT_SATISFIED = "At least one of the pre-conditions you specified did not hold"
NO_UPLOAD = (
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
    "completed."
)
CUSTOMER_KEYS = ("SSECustomerAlgorithm", "CopySourceSSECustomerAlgorithm")
OWNERS_ACL = "bucket-owner-full-control"
OWNER_ENFORCED = "BucketOwnerEnforced"


def alone(operation: Operation) -> AbstractContextManager[Any]:
    """While it is held nobody else changes the object: of writers who all want to be the first, one is."""
    params = operation.params
    if operation.name in CONDITIONAL and (params.get("IfMatch") or params.get("IfNoneMatch")):
        return lock_of(params["Bucket"], params["Key"])
    return nullcontext()


def check(operation: Operation, environ: dict[str, Any]) -> None:
    """Raise S3's error when it would refuse the request."""
    name, params = operation.name, operation.params
    if name == "CreateBucket" and not is_bucket_name(params["Bucket"]):
        raise ServiceError("InvalidBucketName", "The specified bucket is not valid.")
    _check_owners(params)
    _check_refused(name, params)
    if sum(len(key) + len(value) for key, value in (params.get("Metadata") or {}).items()) > MOST_METADATA_BYTES:
        raise ServiceError("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
    if name in ("UploadPart", "UploadPartCopy", "CompleteMultipartUpload"):
        _check_upload(name, params)
    if name in COPIES:
        _check_copy(params)
    if name in NOT_CHECKED_BY_MOTO:
        _check_target(params)
    if name in UPLOADS:
        digests.check(environ)
    if name == "ListObjectsV2" and not moto_s3.is_token(params["Bucket"], params.get("ContinuationToken")):
        raise ServiceError("InvalidArgument", "The continuation token provided is incorrect")
    if name in READS and "PartNumber" in params:
        found = _object(params["Bucket"], params["Key"], params.get("VersionId"))
        if found is not None:
            parts.by_range(found, params["PartNumber"], environ)


def is_bucket_name(name: str) -> bool:
    """Whether S3 takes it for a new bucket."""
    return bool(BUCKET_NAME.fullmatch(name)) and not (
        ".." in name or ADDRESS.fullmatch(name) or name.startswith(RESERVED) or name.endswith(RESERVED_ENDS)
    )


def _check_owners(params: Mapping[str, Any]) -> None:
    source = copy_source(params)[0]
    for expected, bucket in (("ExpectedBucketOwner", params.get("Bucket")), ("ExpectedSourceBucketOwner", source)):
        owner = moto_s3.bucket_owner(bucket) if bucket and params.get(expected) else None
        if owner and owner != params[expected]:
            raise ServiceError("AccessDenied", "Access Denied", status=403)


def _check_refused(name: str, params: Mapping[str, Any]) -> None:
    if any(params.get(each) for each in CUSTOMER_KEYS):
        told = "The embedded AWS has no encryption with customer keys (SSE-C): leave it to the bucket's own key"
        raise ServiceError("NotImplemented", told, status=501)
    if name in CONDITIONAL and params.get("IfNoneMatch", "*") != "*":
        told = "A header you provided implies functionality that is not implemented: If-None-Match takes * only"
        raise ServiceError("NotImplemented", told, status=501)
    acl = params.get("ACL")
    if "Key" in params and acl and acl != OWNERS_ACL and moto_s3.ownership(params["Bucket"]) == OWNER_ENFORCED:
        raise ServiceError("AccessControlListNotSupported", "The bucket does not allow ACLs")


def _check_upload(name: str, params: Mapping[str, Any]) -> None:
    number = params.get("PartNumber", 1)
    if not 1 <= number <= MOST_PARTS:
        told = f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive"
        raise ServiceError("InvalidArgument", told, ArgumentName="partNumber", ArgumentValue=str(number))
    if moto_s3.bucket_owner(params["Bucket"]) and not moto_s3.upload_exists(params["Bucket"], params["UploadId"]):
        raise ServiceError("NoSuchUpload", NO_UPLOAD, status=404)
    listed = [each.get("PartNumber", 0) for each in (params.get("MultipartUpload") or {}).get("Parts") or ()]
    if name == "CompleteMultipartUpload" and listed != sorted(set(listed)):
        told = "The list of parts was not in ascending order. The parts list must be specified in order by part number."
        raise ServiceError("InvalidPartOrder", told)


def _check_target(params: Mapping[str, Any]) -> None:
    """The conditions on what the request replaces."""
    found = _object(params["Bucket"], params["Key"], None)
    wanted = params.get("IfMatch")
    if wanted and found is None:
        raise ServiceError("NoSuchKey", "The specified key does not exist.", status=404)
    if (wanted and wanted.strip('"') != found.etag.strip('"')) or (params.get("IfNoneMatch") and found is not None):
        raise ServiceError("PreconditionFailed", NOT_SATISFIED, status=412)


def _check_copy(params: Mapping[str, Any]) -> None:
    """The conditions on the source; of an ETag and a time that contradict each other the ETag counts, as S3 has it."""
    found = _object(*copy_source(params))
    if found is None:
        return
    etag, changed = found.etag.strip('"'), found.last_modified.replace(tzinfo=UTC, microsecond=0)
    match, none_match = params.get("CopySourceIfMatch"), params.get("CopySourceIfNoneMatch")
    since, until = params.get("CopySourceIfModifiedSince"), params.get("CopySourceIfUnmodifiedSince")
    held = [
        match.strip('"') in (etag, "*") if match else not until or changed <= _moment(until),
        none_match.strip('"') not in (etag, "*") if none_match else not since or changed > _moment(since),
    ]
    if not all(held):
        raise ServiceError("PreconditionFailed", NOT_SATISFIED, status=412)


def _object(bucket: str, key: str, version: str | None) -> Any:
    """moto's object, or None: a delete marker is none either, and has no bytes, ETag or parts."""
    found = moto_s3.object_of(bucket, key, version)
    return found if hasattr(found, "etag") else None


def _moment(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)
