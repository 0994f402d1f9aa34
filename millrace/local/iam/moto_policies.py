"""What the gate has to know of moto's state: keys, principals, policy texts, encryption. Read-only.

With `patches` the only module that imports moto's backends; the rest of the gate works on these records.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

GLOBAL = "aws"
KMS_ALGORITHMS = ("aws:kms", "aws:kms:dsse")


@dataclass(frozen=True)
class AccessKey:
    """Whose key it is: a user's, or a session's of a role."""

    account: str
    active: bool
    user: str = ""
    role_arn: str = ""
    session_name: str = ""
    session_policy: str = ""
    expires: datetime | None = None


@dataclass(frozen=True)
class Entity:
    """A user or role with the texts of its policies, by name."""

    arn: str
    id: str
    policies: tuple[tuple[str, str], ...]
    boundary: tuple[str, str] | None
    tags: Mapping[str, str] = field(default_factory=dict)
    trust: str = ""
    max_session_seconds: int = 3600


@dataclass(frozen=True)
class Encryption:
    """The KMS key, as configured (id, ARN or alias), that encrypts an object; `bucket_key` widens its context."""

    key: str
    bucket_key: bool = False


def access_key(key: str) -> AccessKey | None:
    """The owner of a key that IAM or STS issued."""
    from moto.iam.models import iam_backends

    for account, partitions in list(iam_backends.items()):
        found = partitions[GLOBAL].access_keys.get(key) if GLOBAL in partitions else None
        if found is None:
            continue
        if found.user_name:
            return AccessKey(account, found.status == "Active", user=found.user_name)
        return _session(account, key)
    return None


def _session(account: str, key: str) -> AccessKey | None:
    from moto.sts.models import sts_backends

    for session in reversed(sts_backends[account][GLOBAL].assumed_roles):
        if session.access_key_id == key:
            return AccessKey(
                account,
                active=True,
                role_arn=session.role_arn,
                session_name=session.session_name,
                session_policy=session.policy or "",
                expires=session.expiration.replace(tzinfo=UTC),
            )
    return None


def _iam(account: str) -> Any:
    from moto.iam.models import iam_backends

    return iam_backends[account][GLOBAL] if account in iam_backends else None


def role(arn: str) -> Entity | None:
    """The role of an ARN, with the documents that count: default versions, inline ones, its boundary."""
    backend = _iam(account_of(arn))
    found = next((each for each in list(backend.roles.values()) if each.arn == arn), None) if backend else None
    if found is None:
        return None
    return Entity(
        arn,
        found.id,
        _texts(found),
        _boundary(backend, found.permissions_boundary_arn),
        _tags(found.tags),
        _text(found.assume_role_policy_document),
        int(found.max_session_duration or 3600),
    )


def user(account: str, name: str) -> Entity | None:
    backend = _iam(account)
    found = backend.users.get(name) if backend else None
    if found is None:
        return None
    groups = [group for group in list(backend.groups.values()) if found in group.users]
    policies = tuple(text for owner in (found, *groups) for text in _texts(owner))
    boundary = _boundary(backend, getattr(found, "permissions_boundary_arn", None))
    return Entity(found.arn, found.id, policies, boundary)


def role_named(account: str, name: str) -> str | None:
    """The ARN, path included, of the role with this name."""
    backend = _iam(account)
    found = next((each for each in list(backend.roles.values()) if each.name == name), None) if backend else None
    return str(found.arn) if found else None


def entity_arn(account: str, kind: str, name: str) -> str | None:
    """The ARN, path included, of a role, user, group or instance profile."""
    backend = _iam(account)
    if backend is None:
        return None
    stores = {
        "role": backend.roles,
        "user": backend.users,
        "group": backend.groups,
        "instance-profile": backend.instance_profiles,
    }
    found = next((each for each in list(stores[kind].values()) if each.name == name), None)
    return str(found.arn) if found else None


def roles(account: str) -> list[str]:
    backend = _iam(account)
    return [str(each.arn) for each in list(backend.roles.values())] if backend else []


def _texts(owner: Any) -> tuple[tuple[str, str], ...]:
    managed = [(policy.arn, _default_version(policy)) for policy in list(owner.managed_policies.values())]
    inline = [(name, _text(document)) for name, document in list(owner.policies.items())]
    return (*managed, *inline)


def _default_version(policy: Any) -> str:
    found = next((each for each in policy.versions if each.version_id == policy.default_version_id), None)
    return _text(found.document) if found else ""


def _boundary(backend: Any, arn: str | None) -> tuple[str, str] | None:
    if not arn:
        return None
    policy = backend.managed_policies.get(arn)
    # A boundary that is gone allows nothing.
    return arn, _default_version(policy) if policy else ""


def _tags(tags: Any) -> dict[str, str]:
    if isinstance(tags, Mapping):
        return {key: each["Value"] if isinstance(each, Mapping) else str(each) for key, each in tags.items()}
    return {each["Key"]: each["Value"] for each in tags or ()}


def _text(document: Any) -> str:
    if isinstance(document, bytes):
        return document.decode()
    return document if isinstance(document, str) else json.dumps(document)


def account_of(arn: str) -> str:
    parts = arn.split(":", 5)
    return parts[4] if len(parts) > 5 else ""


def _regional(backends: Any, account: str, region: str) -> Any:
    """A backend that exists already; asking for another one would make it."""
    return backends[account][region] if account in backends and region in backends[account] else None


def bucket_owner(name: str) -> str | None:
    from moto.s3.models import s3_backends

    found = s3_backends.bucket_accounts.get(name)
    return str(found[1]) if found else None


def _bucket(name: str) -> Any:
    from moto.s3.models import s3_backends

    owner = bucket_owner(name)
    return s3_backends[owner][GLOBAL].buckets.get(name) if owner else None


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


def object_exists(bucket: str, key: str, version: str | None) -> bool:
    return _object(bucket, key, version) is not None


def object_encryption(bucket: str, key: str, version: str | None) -> Encryption | None:
    found = _object(bucket, key, version)
    if found is None or found.encryption not in KMS_ALGORITHMS:
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

    found, owner = _object(bucket, key, None), bucket_owner(bucket)
    if found is None or owner is None:
        return {}
    return dict(s3_backends[owner][GLOBAL].tagger.get_tag_dict_for_resource(found.arn))


def _object(bucket: str, key: str, version: str | None) -> Any:
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


def kms_key_arn(key: str, account: str, region: str) -> str | None:
    """The ARN of the customer key behind an id, ARN or alias; None when there is none (or AWS manages it)."""
    from moto.kms.models import kms_backends

    if key.startswith("arn:"):
        account, region = account_of(key), key.split(":")[3]
    backend = _regional(kms_backends, account, region)
    if backend is None:
        return None
    name = key.split(":", 5)[5] if key.startswith("arn:") else key
    if name.startswith("alias/"):
        return next((each.arn for each in list(backend.keys.values()) if name in each.aliases), None)
    found = backend.keys.get(name.removeprefix("key/"))
    return str(found.arn) if found else None


def kms_aliases(arn: str) -> tuple[str, ...]:
    from moto.kms.models import kms_backends

    backend = _regional(kms_backends, account_of(arn), arn.split(":")[3])
    found = backend.keys.get(arn.rsplit("/", 1)[1]) if backend else None
    return tuple(found.aliases) if found else ()


def queue_key(arn: str) -> str:
    """The KMS key that a queue is configured with, or ''."""
    queue = _queue(arn)
    return str(queue.kms_master_key_id or "") if queue else ""


def topic_key(arn: str) -> str:
    topic = _topic(arn)
    return str(topic.kms_master_key_id or "") if topic else ""


def secret_key(arn: str) -> str:
    secret = _secret(arn)
    return str(getattr(secret, "kms_key_id", "") or "") if secret else ""


def parameter_key(arn: str) -> str:
    """The KMS key of a SecureString parameter, or ''."""
    from moto.ssm.models import ssm_backends

    _, _, _, region, account, name = arn.split(":", 5)
    backend = _regional(ssm_backends, account, region)
    short = name.removeprefix("parameter/")
    for each in (short, f"/{short}"):
        versions = dict.get(backend._parameters, each) if backend else None
        if versions and versions[-1].parameter_type == "SecureString":
            return str(versions[-1].keyid or "")
    return ""


def secret_arn(name: str, account: str, region: str) -> str | None:
    from moto.secretsmanager.models import secretsmanager_backends

    backend = _regional(secretsmanager_backends, account, region)
    found = backend.secrets.get(name) if backend else None
    return str(found.arn) if found else None


def _queue(arn: str) -> Any:
    from moto.sqs.models import sqs_backends

    _, _, _, region, account, name = arn.split(":", 5)
    backend = _regional(sqs_backends, account, region)
    return backend.queues.get(name) if backend else None


def _topic(arn: str) -> Any:
    from moto.sns.models import sns_backends

    _, _, _, region, account, _ = arn.split(":", 5)
    backend = _regional(sns_backends, account, region)
    return backend.topics.get(arn) if backend else None


def _secret(arn: str) -> Any:
    from moto.secretsmanager.models import secretsmanager_backends

    _, _, _, region, account, _ = arn.split(":", 5)
    backend = _regional(secretsmanager_backends, account, region)
    return backend.secrets.get(arn) if backend else None


def is_missing(arn: str) -> bool:
    """Whether a queue, topic or function of this ARN does not exist."""
    service = arn.split(":")[2] if arn.count(":") > 4 else ""
    if service == "lambda":
        return _function(arn) is None
    return (service == "sqs" and _queue(arn) is None) or (service == "sns" and _topic(arn) is None)


def bucket_policy(arn: str) -> str:
    bucket = _bucket(arn.split(":", 5)[5].split("/", 1)[0])
    return _text(bucket.policy) if bucket and bucket.policy else ""


def queue_policy(arn: str) -> str:
    queue = _queue(arn)
    return str(queue.policy or "") if queue else ""


def topic_policy(arn: str) -> str:
    topic = _topic(arn)
    return str(topic.policy) if topic else ""


def key_policy(arn: str) -> str:
    from moto.kms.models import kms_backends

    backend = _regional(kms_backends, account_of(arn), arn.split(":")[3])
    key = backend.keys.get(arn.rsplit("/", 1)[1]) if backend else None
    return _text(key.policy) if key else ""


def _function(arn: str) -> Any:
    from moto.awslambda.exceptions import UnknownFunctionException
    from moto.awslambda.models import lambda_backends

    parts = arn.split(":")
    backend = _regional(lambda_backends, parts[4], parts[3])
    try:
        return backend.get_function(":".join(parts[:7])) if backend else None
    except UnknownFunctionException:
        return None


def function_policy(arn: str) -> str:
    function = _function(arn)
    if function is None or not function.policy.statements:
        return ""
    return json.dumps({"Version": "2012-10-17", "Statement": function.policy.statements})


def bus_policy(arn: str) -> str:
    from moto.events.models import events_backends

    parts = arn.split(":", 5)
    backend = _regional(events_backends, parts[4], parts[3])
    bus = backend.event_buses.get(parts[5].split("/", 1)[1]) if backend else None
    return str(bus.policy or "") if bus else ""


def secret_policy(arn: str) -> str:
    secret = _secret(arn)
    return str(getattr(secret, "policy", None) or "") if secret else ""


def repository_policy(arn: str) -> str:
    from moto.ecr.models import ecr_backends

    parts = arn.split(":", 5)
    backend = _regional(ecr_backends, parts[4], parts[3])
    repository = backend.repositories.get(parts[5].split("/", 1)[1]) if backend else None
    return _text(repository.policy) if repository and repository.policy else ""


def logs_policy(arn: str) -> str:
    """CloudWatch Logs' resource policies belong to the account: all of them as one document."""
    from moto.logs.models import logs_backends

    parts = arn.split(":", 5)
    backend = _regional(logs_backends, parts[4], parts[3])
    documents = (
        [json.loads(each.policy_document) for each in list(backend.resource_policies.values())] if backend else []
    )
    statements: list[Any] = []
    for document in documents:
        found = document.get("Statement") or []
        statements += found if isinstance(found, list) else [found]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}) if statements else ""


def trust_policy(arn: str) -> str:
    found = role(arn)
    return found.trust if found else ""
