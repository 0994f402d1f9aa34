"""Decides what to do about a model from the state of the registry and of its serving stack. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum


class Action(Enum):
    UPDATE = "update"
    NOTHING = "nothing"
    WAIT = "wait"
    BLOCKED = "blocked"


@dataclass(frozen=True)
class Stack:
    """What CloudFormation says about a serving stack.

    `changed` is when it was last touched; `rolled_back` is the token of the newest update that was rolled back,
    known only while the stack is in that state.
    """

    status: str
    version: str
    changed: str
    rolled_back: str | None = None


@dataclass(frozen=True)
class Plan:
    """`version` is the one to deploy, or the one that is refused."""

    action: Action
    reason: str
    version: str = ""
    token: str = ""


def plan(wanted: str | None, stack: Stack | None, *, approved: str | None = None) -> Plan:
    """What brings the stack to the wanted version; `approved` is the version the message says was approved.

    A version whose update was rolled back is not tried again when the stack says so, or it would be tried for
    ever; approving it again, or deploying the stack, is how someone asks for another try.
    """
    if wanted is None:
        return Plan(Action.NOTHING, "no version is approved")
    if stack is None:
        return Plan(Action.WAIT, "the serving stack does not exist yet; its creation will be announced")
    if stack.status.endswith("_IN_PROGRESS"):
        return Plan(Action.WAIT, f"the stack is {stack.status}; its end will be announced")
    if stack.version == wanted:
        return Plan(Action.NOTHING, f"{wanted} is what the stack serves")
    if not stack.status.endswith("_COMPLETE") or stack.status in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE"):
        return Plan(Action.BLOCKED, f"the stack is {stack.status} and cannot be updated; repair or delete it")
    if (stack.rolled_back or "").startswith(token_prefix(wanted)) and approved != wanted:
        return Plan(
            Action.BLOCKED,
            f"the update to {wanted} was rolled back (see the stack's events); approve it again to retry, "
            "or approve another version",
        )
    return Plan(Action.UPDATE, f"from {stack.version}", wanted, update_token(wanted, stack.changed))


def refused(version: str, why: str) -> Plan:
    """Instead of the update to a version that must not be served."""
    number = "/".join(version.split("/")[-2:])
    return Plan(Action.BLOCKED, f"{number} is not deployed: {why}", version)


def token_prefix(version: str) -> str:
    """How the tokens of all updates to a version begin, so that a rolled-back update tells its version."""
    return f"deploy-{hashlib.sha256(version.encode()).hexdigest()[:32]}-"


def update_token(version: str, changed: str) -> str:
    """The same for every message that sees the same stack: doubled messages are one update."""
    return f"{token_prefix(version)}{hashlib.sha256(changed.encode()).hexdigest()[:16]}"
