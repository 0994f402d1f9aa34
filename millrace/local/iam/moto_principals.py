"""Keys, users and roles in moto's IAM and STS. Read-only; called by `principals` and whoever asks for a role.

The `moto_*` modules and `patches` are the only ones that import moto's backends; the gate works on these records.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from millrace.local.iam.needs import account_of

GLOBAL = "aws"


@dataclass(frozen=True)
class AccessKey:
    """Whose key it is: a user's, or a session's of a role."""

    account: str
    active: bool
    user: str = ""
    role_arn: str = ""
    session_name: str = ""
    session_policy: str = ""
    token: str = ""
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
                token=session.session_token,
                expires=session.expiration.replace(tzinfo=UTC),
            )
    return None


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
        text_of(found.assume_role_policy_document),
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


def _texts(owner: Any) -> tuple[tuple[str, str], ...]:
    managed = [(policy.arn, _default_version(policy)) for policy in list(owner.managed_policies.values())]
    inline = [(name, text_of(document)) for name, document in list(owner.policies.items())]
    return (*managed, *inline)


def _default_version(policy: Any) -> str:
    found = next((each for each in policy.versions if each.version_id == policy.default_version_id), None)
    return text_of(found.document) if found else ""


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


def _iam(account: str) -> Any:
    from moto.iam.models import iam_backends

    return iam_backends[account][GLOBAL] if account in iam_backends else None


def text_of(document: Any) -> str:
    if isinstance(document, bytes):
        return document.decode()
    return document if isinstance(document, str) else json.dumps(document)


def trust_policy(arn: str) -> str:
    found = role(arn)
    return found.trust if found else ""
