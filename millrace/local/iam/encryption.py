"""Requests that encrypt or decrypt with a customer key: what the caller must then be allowed to do with the key.

AWS makes these calls to KMS in the caller's name (kms:ViaService says for which service). Keys that AWS manages
ask nothing of callers in their own account. Called by the gate beside `actions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from millrace.local.iam import moto_policies, moto_s3, s3_actions
from millrace.local.iam.moto_s3 import Encryption
from millrace.local.iam.needs import Need, Place, account_of
from millrace.local.service import ServiceError

Params = Mapping[str, Any]

ENCRYPT, DECRYPT = "kms:GenerateDataKey", "kms:Decrypt"
AWS_MANAGED = "alias/aws/"
GRANT_ACTION = "kms:CreateGrant"
# DynamoDB Developer Guide, Encryption at rest: what it requires on a customer managed key.
CHOOSE = (
    "kms:DescribeKey",
    GRANT_ACTION,
    "kms:Encrypt",
    DECRYPT,
    ENCRYPT,
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
GRANT = {"kms:GrantIsForAWSResource": ("true",)}
CHOOSE_TABLE_KEY = ("CreateTable", "UpdateTable")
USE_TABLE = (
    "BatchExecuteStatement",
    "BatchGetItem",
    "BatchWriteItem",
    "DeleteItem",
    "ExecuteStatement",
    "ExecuteTransaction",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "TransactGetItems",
    "TransactWriteItems",
    "UpdateItem",
)
KMS_ALGORITHMS = ("aws:kms", "aws:kms:dsse")


def needs(service: str, operation: str, params: Params, place: Place, resources: Iterable[str]) -> list[Need]:
    """The KMS calls implied by a request whose own resources are given."""
    if service == "s3":
        found = S3.get(operation)
        return found(operation, params, place) if found and params.get("Bucket") else []
    if service == "dynamodb":
        return _table(operation, params, place, resources)
    of_resource = RESOURCES.get((service, operation))
    if of_resource is None or (service == "ssm" and not params.get("WithDecryption")):
        return []
    actions, configured, context_key = of_resource
    made = []
    for arn in dict.fromkeys(resources):
        if arn.count(":") >= 5 and (key := configured(arn)):
            owner = Place(account_of(arn), arn.split(":")[3])
            made += _calls(actions, key, owner, service, f"{service}:{operation}", {context_key: arn})
    return made


def _calls(
    actions: Iterable[str], key: str, place: Place, service: str, because: str, encryption_context: Mapping[str, str]
) -> list[Need]:
    if AWS_MANAGED in key:
        return []
    arn = moto_policies.kms_key_arn(key, place.account, place.region)
    if arn is None:
        raise ServiceError("KMS.NotFoundException", f"Invalid keyId '{key}'")
    context: dict[str, tuple[str, ...]]
    context = {f"kms:EncryptionContext:{name}": (value,) for name, value in encryption_context.items()}
    context["kms:EncryptionContextKeys"] = tuple(encryption_context)
    via = f"{service}.{arn.split(':')[3]}.amazonaws.com"
    return [Need(action, arn, context, because=because, via=via) for action in actions]


def _s3_calls(actions: Iterable[str], found: Encryption | None, bucket: str, key: str, because: str) -> list[Need]:
    if found is None:
        return []
    place = Place(moto_s3.bucket_owner(bucket) or "", moto_s3.bucket_region(bucket))
    arn = s3_actions.bucket_arn(bucket) if found.bucket_key else s3_actions.object_arn(bucket, key)
    return _calls(actions, found.key, place, "s3", f"s3:{because}", {"aws:s3:arn": arn})


def _chosen(params: Params) -> Encryption | None:
    """The key that a write asks for, or the bucket's."""
    default = moto_s3.bucket_encryption(params["Bucket"])
    algorithm = params.get("ServerSideEncryption")
    if not algorithm:
        return default
    if algorithm not in KMS_ALGORITHMS:
        return None
    key = params.get("SSEKMSKeyId") or (default.key if default else f"{AWS_MANAGED}s3")
    own = params.get("BucketKeyEnabled")
    return Encryption(key, bool(default and default.bucket_key) if own is None else str(own).lower() == "true")


def _write(operation: str, params: Params, place: Place) -> list[Need]:
    return _s3_calls([ENCRYPT], _chosen(params), params["Bucket"], params.get("Key", ""), operation)


def _begin(operation: str, params: Params, place: Place) -> list[Need]:
    return _s3_calls([ENCRYPT, DECRYPT], _chosen(params), params["Bucket"], params.get("Key", ""), operation)


def _part(operation: str, params: Params, place: Place) -> list[Need]:
    """Parts are encrypted as the upload was begun; putting them together decrypts them."""
    bucket, key = params["Bucket"], params.get("Key", "")
    found = moto_s3.upload_encryption(bucket, params.get("UploadId") or "")
    actions = [DECRYPT] if operation == "CompleteMultipartUpload" else [ENCRYPT, DECRYPT]
    source = _source(operation, params) if operation == "UploadPartCopy" else []
    return [*source, *_s3_calls(actions, found, bucket, key, operation)]


def _read(operation: str, params: Params, place: Place) -> list[Need]:
    if operation == "HeadObject" and params.get("ChecksumMode") != "ENABLED":
        return []  # metadata are not encrypted, a checksum is
    bucket, key = params["Bucket"], params.get("Key", "")
    found = moto_s3.object_encryption(bucket, key, params.get("VersionId"))
    return _s3_calls([DECRYPT], found, bucket, key, operation)


def _source(operation: str, params: Params) -> list[Need]:
    bucket, key, version = s3_actions.copy_source(params)
    found = moto_s3.object_encryption(bucket, key, version or None)
    return _s3_calls([DECRYPT], found, bucket, key, operation)


def _copy(operation: str, params: Params, place: Place) -> list[Need]:
    return [*_source(operation, params), *_write(operation, params, place)]


def _table(operation: str, params: Params, place: Place, resources: Iterable[str]) -> list[Need]:
    """Choosing a table's key takes all that DynamoDB does with it; using the table decrypts the table's own key.

    DynamoDB keeps that one for five minutes, here it is asked for each time.
    """
    because = f"dynamodb:{operation}"
    if operation in CHOOSE_TABLE_KEY:
        chosen = (params.get("SSESpecification") or {}).get("KMSMasterKeyId")
        name = str(params.get("TableName")).rpartition("/")[2]
        needs = _table_calls(CHOOSE, chosen, place, name, because) if chosen else []
        return [
            replace(need, context={**need.context, **GRANT}) if need.action == GRANT_ACTION else need for need in needs
        ]
    made = []
    for arn in dict.fromkeys(resources) if operation in USE_TABLE else ():
        if arn.count(":") >= 5 and (key := moto_policies.table_key(arn)):
            owner = Place(account_of(arn), arn.split(":")[3])
            made += _table_calls([DECRYPT], key, owner, arn.split("/")[1], because)
    return made


def _table_calls(actions: Iterable[str], key: str, place: Place, table: str, because: str) -> list[Need]:
    encryption_context = {"aws:dynamodb:tableName": table, "aws:dynamodb:subscriberId": place.account}
    return _calls(actions, key, place, "dynamodb", because, encryption_context)


S3: Mapping[str, Callable[[str, Params, Place], list[Need]]] = {
    "CompleteMultipartUpload": _part,
    "CopyObject": _copy,
    "CreateMultipartUpload": _begin,
    "GetObject": _read,
    "GetObjectAttributes": _read,
    "HeadObject": _read,
    "PutObject": _write,
    "SelectObjectContent": _read,
    "UploadPart": _part,
    "UploadPartCopy": _part,
}

_QUEUE = (moto_policies.queue_key, "aws:sqs:arn")
_TOPIC = (moto_policies.topic_key, "aws:sns:topicArn")
_SECRET = (moto_policies.secret_key, "SecretARN")
_PARAMETER = (moto_policies.parameter_key, "PARAMETER_ARN")

# Operations on a resource that has a key: the KMS calls, where the key is configured, the encryption context.
RESOURCES: Mapping[tuple[str, str], tuple[tuple[str, ...], Callable[[str], str], str]] = {
    ("sqs", "SendMessage"): ((ENCRYPT, DECRYPT), *_QUEUE),
    ("sqs", "SendMessageBatch"): ((ENCRYPT, DECRYPT), *_QUEUE),
    ("sqs", "ReceiveMessage"): ((DECRYPT,), *_QUEUE),
    ("sns", "Publish"): ((ENCRYPT, DECRYPT), *_TOPIC),
    ("sns", "PublishBatch"): ((ENCRYPT, DECRYPT), *_TOPIC),
    ("secretsmanager", "GetSecretValue"): ((DECRYPT,), *_SECRET),
    ("secretsmanager", "PutSecretValue"): ((ENCRYPT, DECRYPT), *_SECRET),
    ("secretsmanager", "UpdateSecret"): ((ENCRYPT, DECRYPT), *_SECRET),
    ("ssm", "GetParameter"): ((DECRYPT,), *_PARAMETER),
    ("ssm", "GetParameters"): ((DECRYPT,), *_PARAMETER),
}
