"""What one request needs: the records that `actions` makes and the gate decides on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Context = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Place:
    """Where a request goes: the caller's account and the region of its signature."""

    account: str
    region: str


@dataclass(frozen=True)
class Need:
    """One action on one resource that must be allowed."""

    action: str
    resource: str = "*"
    context: Context = field(default_factory=dict)
    because: str = ""  # the API that implies it, when it is not the one that was called
    via: str = ""  # the service that makes the call in the caller's name ("s3.ap-northeast-2.amazonaws.com")


def account_of(arn: str) -> str:
    """The account in an ARN; "" when it names none."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) > 5 else ""
