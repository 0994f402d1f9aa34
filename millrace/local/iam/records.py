"""What a decision is made from and what it says; shared by the evaluator, the gate and the services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Principal:
    """Who asks, as AWS sees it when it evaluates policies."""

    kind: str  # "root" | "user" | "role" | "service" | "anonymous"
    arn: str  # root, user or assumed-role ARN | "events.amazonaws.com" | "*"
    account: str  # "" for service and anonymous
    role_arn: str = ""  # the role of a session


@dataclass(frozen=True)
class Policy:
    """One policy document and the name a denial calls it by."""

    name: str  # policy ARN, inline name, or the resource's ARN
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Policies:
    """Every policy that applies to one request, by its part in the decision."""

    identity: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    session: tuple[Policy, ...] = ()  # session policies (empty tuple = none given)
    resource: Policy | None = None  # bucket, queue, topic, key, function, bus, model package group, role trust


@dataclass(frozen=True)
class AccessRequest:
    """One question: may this principal do this to that resource, in this context?"""

    principal: Principal
    action: str  # "s3:GetObject"
    resource: str  # ARN, or "*" when the action knows none
    resource_account: str  # owner of the resource
    context: Mapping[str, tuple[str, ...]]  # keys in canonical case; they compare case-insensitively


@dataclass(frozen=True)
class Decision:
    """The answer, and what made it."""

    # "allowed" | "explicit-deny" | "no-allow-identity" | "no-allow-resource" | "no-allow-boundary"
    # | "no-allow-session" | "no-allow-trust" | "no-allow-key-policy"
    allowed: bool
    reason: str
    policy: str = ""  # name of the policy that allowed or denied
    statement: str = ""  # Sid or its index
