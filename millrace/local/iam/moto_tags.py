"""Tags of resources in moto, for aws:ResourceTag. Read-only; called by the gate, which knows SageMaker's own.

S3 is absent on purpose: buckets have no aws:ResourceTag, objects have s3:ExistingObjectTag (`context`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from millrace.local.iam import moto_policies, moto_principals


def of(arn: str) -> Mapping[str, str]:
    """The tags of a resource; none for kinds without tags, or that do not exist."""
    found = BY_SERVICE.get(arn.split(":")[2]) if arn.count(":") > 4 else None
    return found(arn) if found else {}


def _role(arn: str) -> Mapping[str, str]:
    entity = moto_principals.role(arn) if ":role/" in arn else None
    return entity.tags if entity else {}


def _queue(arn: str) -> Mapping[str, str]:
    return _plain(getattr(moto_policies.queue(arn), "tags", None))


def _topic(arn: str) -> Mapping[str, str]:
    return _plain(getattr(moto_policies.topic(arn), "_tags", None))


def _function(arn: str) -> Mapping[str, str]:
    return _plain(getattr(moto_policies.function(arn), "tags", None)) if ":function:" in arn else {}


def _secret(arn: str) -> Mapping[str, str]:
    return _plain(getattr(moto_policies.secret(arn), "tags", None))


def _table(arn: str) -> Mapping[str, str]:
    return _plain(getattr(moto_policies.table(arn), "tags", None))


def _key(arn: str) -> Mapping[str, str]:
    from moto.kms.models import kms_backends

    _, _, _, region, account, name = arn.split(":", 5)
    backend = moto_policies.backend_of(kms_backends, account, region)
    return dict(backend.tagger.get_tag_dict_for_resource(name.removeprefix("key/"))) if backend else {}


def _plain(tags: Any) -> Mapping[str, str]:
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    return {each["Key"]: each["Value"] for each in tags or ()}


BY_SERVICE: Mapping[str, Callable[[str], Mapping[str, str]]] = {
    "dynamodb": _table,
    "iam": _role,
    "kms": _key,
    "lambda": _function,
    "secretsmanager": _secret,
    "sns": _topic,
    "sqs": _queue,
}
