"""Decides what to do about a model from the state of the registry and of its serving stack. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from shared.grants import denied
from shared.records import record

from deploy_model.messages import Request, is_person

ENDPOINT = "AWS::SageMaker::Endpoint"
SERVED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
GONE_OFF = re.compile(r"\balarms?\b|health check", re.IGNORECASE)
IN_ALARM = "in ALARM"
NOT_THE_MODEL = re.compile(r"not exist|not find|not found|capacity|limit ?exceeded|quota|throttl", re.IGNORECASE)
"""Reasons that speak of alarms or health checks as well, but not of what the model did."""


class Action(Enum):
    UPDATE = "update"
    NOTHING = "nothing"
    WAIT = "wait"
    BLOCKED = "blocked"
    REFUSED = "refused"


@dataclass(frozen=True)
class Version:
    """What the registry says of a version: whether it is approved, our records, and who touched it last."""

    arn: str
    approved: bool
    records: Mapping[str, str] = field(default_factory=dict)
    touched_by: str = ""
    touched_at: datetime | None = None


@dataclass(frozen=True)
class Rollback:
    """The newest update of a stack that was rolled back: the kind of resource that failed first, and why.

    `advice` says it better, where something is known.
    """

    token: str
    at: datetime
    kind: str = ""
    reason: str = ""
    advice: str = ""

    @property
    def told(self) -> str:
        return self.advice or self.reason or "see the events of the stack"

    @property
    def is_the_models_fault(self) -> bool:
        """An alarm went off, or the container did not answer, and nothing else is known to be the cause."""
        if self.kind != ENDPOINT or denied(self.reason) or not GONE_OFF.search(self.reason):
            return False
        return IN_ALARM in self.reason or not NOT_THE_MODEL.search(self.reason)


@dataclass(frozen=True)
class Stack:
    """What CloudFormation says about a serving stack.

    `changed` is when it was last touched; `pinned` is whether it names the digest of what it serves; `rollback` is
    known only while the stack is in that state.
    """

    status: str
    version: str
    changed: datetime
    pinned: bool = True
    rollback: Rollback | None = None


@dataclass(frozen=True)
class Plan:
    """`version` is the one to deploy, or the one that is refused or blocked and has to be told so."""

    action: Action
    reason: str
    version: str = ""
    token: str = ""


@dataclass(frozen=True)
class Write:
    """What the registry is told of a version; with a reason the version is rejected."""

    records: Mapping[str, str]
    rejected: str = ""


def plan(wanted: str | None, stack: Stack | None, *, again: bool = False, why: str = "no version is approved") -> Plan:
    """What brings the stack to the wanted version; `again` is whether someone wants what was rolled back once more.

    A version whose update was rolled back is not tried again when the stack says so, or it would be tried for
    ever; approving it again, or deploying the stack, is how someone asks for another try.
    """
    if wanted is None:
        return Plan(Action.NOTHING, why)
    if stack is None:
        return Plan(Action.WAIT, "the serving stack does not exist yet; its creation will be announced")
    if stack.status.endswith("_IN_PROGRESS"):
        return Plan(Action.WAIT, f"the stack is {stack.status}; its end will be announced")
    if stack.version == wanted and stack.pinned:
        return Plan(Action.NOTHING, f"{short(wanted)} is what the stack serves")
    if not stack.status.endswith("_COMPLETE") or stack.status in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE"):
        return Plan(Action.BLOCKED, f"the stack is {stack.status} and cannot be updated; repair or delete it", wanted)
    if stack.rollback and stack.rollback.token.startswith(token_prefix(wanted)) and not again:
        return Plan(
            Action.BLOCKED,
            f"the update to {short(wanted)} was rolled back: {stack.rollback.told}; {_not_rejected(stack.rollback)}"
            "remove the cause and approve it again, or approve another version",
        )
    return Plan(Action.UPDATE, f"from {short(stack.version)}", wanted, update_token(wanted, stack.changed))


def _not_rejected(rollback: Rollback) -> str:
    return "it served here before, so it is not rejected; " if rollback.is_the_models_fault else ""


def refused(version: str, why: str) -> Plan:
    """Instead of the update to a version that must not be served."""
    return Plan(Action.REFUSED, f"{short(version)} is not deployed: {why}", version)


def rejects(version: Version, rollback: Rollback, account: str) -> bool:
    """Whether the rollback takes the version back everywhere.

    Not if it served here before and was found good: then the cause is sought in the account. Else one alarm that the
    account causes would take back one version after the other, as each is deployed instead of the one before.
    """
    return rollback.is_the_models_fault and not smoke_passed(version.records, account)


def asked_again(version: Version, rollback: Rollback, request: Request, *, account: str, held: str) -> bool:
    """Whether someone approved the version after its rollback; `held` is the record that tells of this rollback.

    Who touched a version last is not enough: the records of another account may follow the approval at once. The
    event is not enough either: it may come before the stack's.
    """
    if not version.approved:
        return False
    if rejects(version, rollback, account) and held in version.records.values():
        return True  # it was rejected together with that record, so it was approved since
    if request.approved == version.arn and request.at and request.at >= rollback.at.replace(microsecond=0):
        return True  # events tell their time in whole seconds
    touched = version.touched_at
    return is_person(version.touched_by) and touched is not None and touched > rollback.at


def after_rollback(version: Version, rollback: Rollback, *, again: bool, account: str, role: str) -> Write:
    """What there is to tell of a version that was rolled back; the same at a second look, unless it is wanted again."""
    told = {f"{account}_back": rollback_record(rollback, role)}
    if not version.approved or again or not rejects(version, rollback, account):
        return Write(told)
    return Write(told, rejected=f"{short(version.arn)} was rolled back: {rollback.told}")


def rollback_record(rollback: Rollback, role: str) -> str:
    return record("rolled back", rollback.at, role, rollback.told)


def smoke_passed(records: Mapping[str, str], account: str) -> bool:
    return records.get(f"{account}_smoke", "").startswith("passed ")


def short(version: str) -> str:
    """`<model>/<number>` of an ARN."""
    return "/".join(version.split("/")[-2:])


def token_prefix(version: str) -> str:
    """How the tokens of all updates to a version begin, so that a rolled-back update tells its version."""
    return f"deploy-{version.rpartition('/')[2]}-{hashlib.sha256(version.encode()).hexdigest()[:32]}-"


def token_number(token: str) -> str | None:
    """The number of the version that an update was to; None if it was not one of ours."""
    found = re.match(r"deploy-(\d+)-[0-9a-f]{32}-", token)
    return found[1] if found else None


def update_token(version: str, changed: datetime) -> str:
    """The same for every message that sees the same stack: doubled messages are one update."""
    return f"{token_prefix(version)}{hashlib.sha256(str(changed).encode()).hexdigest()[:16]}"
