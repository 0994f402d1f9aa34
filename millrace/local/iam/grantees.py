"""The Principal and NotPrincipal elements: whom a statement of a resource's policy names, and how.

Called by documents.py. How a principal is named decides what else must allow the request (evaluator.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from millrace.local.iam.records import Principal

_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?(\d{12})(?::root)?", re.ASCII)
_ENTITY = re.compile(
    r"arn:aws[a-z-]*:(?:iam::(?:\d{12}|cloudfront):(?:user|role)/|sts::\d{12}:(?:assumed-role/[^/]+/|federated-user/)).+",
    re.ASCII,
)
_REMOVED = re.compile(r"A(?:ID|RO)A[A-Z0-9]{12,}", re.ASCII)  # what AWS leaves of a deleted user or role
_SERVICE = re.compile(r"[a-z0-9][a-z0-9.-]*\.(?:amazonaws\.com|amazon\.com|aws\.internal)(?:\.cn)?", re.ASCII)


class Named(IntEnum):
    """How a policy names a principal, the weakest first."""

    NOT = 0
    ACCOUNT = 1  # through its account: the account's own policies decide
    ROLE = 2  # a session through its role: boundary and session policy still limit it
    DIRECTLY = 3


@dataclass(frozen=True)
class Grantees:
    """Who is named."""

    everyone: bool = False
    accounts: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()  # users, roles, sessions
    services: frozenset[str] = frozenset()
    federated: frozenset[str] = field(default_factory=frozenset)

    def names(self, principal: Principal) -> Named:
        """How `principal` is named here."""
        if self.everyone:
            return Named.DIRECTLY
        if principal.kind == "service":
            return Named.DIRECTLY if principal.arn in self.services else Named.NOT
        if principal.arn in self.entities or principal.arn in self.federated:
            return Named.DIRECTLY
        if principal.role_arn and principal.role_arn in self.entities:
            return Named.ROLE
        if principal.account and principal.account in self.accounts:
            return Named.ACCOUNT
        return Named.NOT

    def exempts(self, principal: Principal) -> bool:
        """Whether a NotPrincipal with these names leaves `principal` alone.

        AWS looks at the account, then the role, then the session: each of them must be named.
        """
        if self.everyone or principal.kind not in ("root", "user", "role"):
            return self.everyone or self.names(principal) is Named.DIRECTLY
        if principal.account not in self.accounts:
            return False
        if principal.kind == "root":
            return True
        if principal.kind == "user":
            return principal.arn in self.entities
        sessions = {name for name in self.entities if name.startswith(principal.arn.rpartition("/")[0] + "/")}
        return principal.role_arn in self.entities and (not sessions or principal.arn in sessions)


def parse(element: object) -> Grantees:
    """The element as it stands in a policy; raises ValueError with a sentence that says what is wrong."""
    if element == "*":
        return Grantees(everyone=True)
    if not isinstance(element, Mapping) or not element:
        raise ValueError(f'is {element!r}; allowed are "*" and an object with AWS, Service, Federated, CanonicalUser')
    unknown = sorted(str(kind) for kind in element if kind not in ("AWS", "Service", "Federated", "CanonicalUser"))
    if unknown:
        raise ValueError(f"has {', '.join(unknown)}; allowed are AWS, Service, Federated, CanonicalUser")
    names = {kind: _texts(value, kind) for kind, value in element.items()}
    _refuse_unknown(names)
    aws = names.get("AWS", ())
    accounts = frozenset(match[1] for name in aws if (match := _account(name)))
    return Grantees(
        everyone="*" in aws,
        accounts=accounts,
        entities=frozenset(name for name in aws if _ENTITY.fullmatch(name)),
        services=frozenset(names.get("Service", ())),
        federated=frozenset(names.get("Federated", ())),
    )


def _texts(value: Any, kind: str) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(name, str) for name in listed):
        raise ValueError(f"{kind} is {value!r}; allowed are a text and a list of texts")
    return tuple(listed)


def _account(name: str) -> re.Match[str] | None:
    match = _ACCOUNT.fullmatch(name)
    return match if match and name.startswith("arn:") == name.endswith(":root") else None


def _refuse_unknown(names: Mapping[str, tuple[str, ...]]) -> None:
    for name in names.get("AWS", ()):
        known = name == "*" or _account(name) or _REMOVED.fullmatch(name)
        if known or (_ENTITY.fullmatch(name) and not {"*", "?"} & set(name)):
            continue
        raise ValueError(
            f"AWS has {name!r}; allowed are an account id, and the ARN of an account's root, a user, a role or a "
            'session, without wildcards, or "*" alone'
        )
    for name in names.get("Service", ()):
        if not _SERVICE.fullmatch(name):
            raise ValueError(f"Service has {name!r}; allowed are names such as events.amazonaws.com")
