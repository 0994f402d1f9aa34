"""Reads the state of registry and serving stack, and does what `plan` says. Called by `batch.py`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from shared.records import record, same_but_when, tells_it, utc

from deploy_model.errors import GrantError, RefusedError
from deploy_model.messages import Request, is_person
from deploy_model.plan import (
    SERVED,
    Action,
    Plan,
    Stack,
    Version,
    Write,
    after_rollback,
    asked_again,
    plan,
    refused,
    rollback_record,
    short,
    smoke_passed,
    token_number,
    token_prefix,
)
from deploy_model.registry import Registry, sides
from deploy_model.settings import APPROVAL, DeploySettings
from deploy_model.stacks import NONE, ServingStack

LOOKS = 3
"""How often the state may change while a version is checked, before a message is left to a later delivery."""

log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class ChangedError(Exception):
    """What is wanted changed again and again while it was looked at."""


@dataclass(frozen=True)
class Deployer:
    """The clients and settings a deployment needs, and the time."""

    sagemaker: Any
    cloudformation: Any
    s3: Any
    settings: DeploySettings
    now: Callable[[], datetime] = _now

    def reconcile(self, request: Request) -> Plan:
        """Bring the stack of the request's model to the version wanted here; at most one update is started."""
        decided = self.deployment(request).reconcile()
        blocked = decided.action in (Action.BLOCKED, Action.REFUSED)
        log.log(
            logging.ERROR if blocked else logging.INFO,
            "%s: %s: %s",
            request.model,
            decided.action.value,
            decided.reason,
        )
        return decided

    def deployment(self, request: Request) -> Deployment:
        if request.model is None:
            raise ValueError("the request names no model")
        registry = Registry(self.sagemaker, self.s3, self.settings, request.model)
        stack = ServingStack(
            self.cloudformation,
            self.settings.stacks[request.model],
            self.settings.update_role_arn,
            sides(self.settings, request.model),
        )
        return Deployment(registry, stack, self.settings, request, self.now)


@dataclass(frozen=True)
class Deployment:
    """One message's work on one model."""

    registry: Registry
    stack: ServingStack
    settings: DeploySettings
    request: Request
    now: Callable[[], datetime]
    again: set[str] = field(default_factory=set)
    """The tokens of rolled-back updates that someone wants once more: what is told of one hides who touched it."""

    def reconcile(self) -> Plan:
        self._tell_who_approved()
        for _ in range(LOOKS):
            decided, stack = self._decide()
            if decided.action is Action.BLOCKED and decided.version:
                self._tell_once("blocked", decided.version, "blocked", decided.reason)
            if decided.action is not Action.UPDATE or stack is None:
                return decided
            digest = self._checked(decided)
            if isinstance(digest, Plan):
                return digest
            # The check may have taken its time: what was rejected meanwhile is not deployed any more.
            if self._decide()[0] == decided:
                self._update(decided, stack, digest)
                return decided
        raise ChangedError(f"{self.request.model} changed while it was looked at")

    def _decide(self) -> tuple[Plan, Stack | None]:
        stack = self.stack.read()
        again = self._look_back(stack)
        # Before it is pinned it is not yet deployed as it should be: a record of both would be written for ever.
        if stack and stack.status in SERVED and stack.pinned and stack.version not in ("", NONE):
            self._tell("deployed", stack.version, "deployed", stack.changed)
        try:
            wanted, why = self.wanted()
        except GrantError as error:
            if self._is_the_registry_expected(stack):
                raise
            return Plan(Action.WAIT, f"the registry cannot be read yet, which is tried every hour: {error}"), stack
        return plan(wanted, stack, again=again, why=why), stack

    def _is_the_registry_expected(self, stack: Stack | None) -> bool:
        """Accounts are deployed in any order: before something is approved or served, it need not be there."""
        at_home = self.settings.account_id == self.settings.trainer_id(self.registry.model)
        serves = stack is not None and stack.version not in ("", NONE)
        return at_home or serves or self.request.approved is not None

    def _look_back(self, stack: Stack | None) -> bool:
        """Tell of the version that was rolled back, if one was; whether someone wants it once more."""
        rollback = stack.rollback if stack else None
        number = token_number(rollback.token) if rollback else None
        if rollback is None or number is None:
            return False
        arn = self.settings.package_arn(self.registry.model, number)
        version = self.registry.version(arn) if rollback.token.startswith(token_prefix(arn)) else None
        if version is None:
            return False
        account, role = self.settings.account, self.settings.role
        if asked_again(version, rollback, self.request, account=account, held=rollback_record(rollback, role)):
            self.again.add(rollback.token)
        again = version.approved and rollback.token in self.again
        self.registry.write(version, after_rollback(version, rollback, again=again, account=account, role=role))
        return again

    def wanted(self) -> tuple[str | None, str]:
        """The newest version that may be served here, or why there is none."""
        waiting: list[str] = []
        for arn in self.registry.approved():
            if not self.settings.after:
                return arn, ""
            version = self.registry.version(arn)
            if version and smoke_passed(version.records, self.settings.after):
                return arn, ""
            waiting.append(short(arn))
        if waiting:
            return None, f"{', '.join(waiting)} did not pass the smoke test of {self.settings.after} yet"
        stage = "" if self.settings.deploys_on == APPROVAL else f" for {self.settings.deploys_on}"
        return None, f"no version is approved{stage}"

    def _checked(self, decided: Plan) -> str | Plan:
        """The digest that the stack pins, or the refusal that the registry was told."""
        try:
            digest = self.registry.digest(decided.version)
        except GrantError as error:
            with suppress(GrantError):  # the first one is told
                self._tell_once("blocked", decided.version, "blocked", str(error))
            raise
        except RefusedError as error:
            decision = refused(decided.version, str(error))
            told = record("refused", self.now(), self.settings.role, str(error))
            write = Write({f"{self.settings.account}_blocked": told}, rejected=decision.reason)
            # Its event brings the function back, which then looks at the version approved before.
            self.registry.write(Version(decided.version, approved=True), write)
            return decision
        return digest if digest is not None else Plan(Action.NOTHING, f"{short(decided.version)} was deleted")

    def _update(self, decided: Plan, stack: Stack, digest: str) -> None:
        """Tell first: whoever may not tell could not take the version back either, and deploys nothing."""
        before = f"instead of {short(stack.version)} of {utc(stack.changed)}"
        self._tell_once("deployed", decided.version, "started", before)
        self.stack.update(decided, digest)

    def _tell_who_approved(self) -> None:
        """Whoever let it in here; if the event does not say that this was it, only if nobody is named yet."""
        arn, by, at, let_in = self.request.approved, self.request.by, self.request.at, self.request.let_in
        if arn is None or at is None or not is_person(by) or let_in is False:
            return
        version = self.registry.version(arn)
        if version is None:
            return
        key, told = self.settings.approver_key, record("approved", at, by)
        held = version.records.get(key, "")
        if not tells_it(held, told, at) and not (held and let_in is None):
            self.registry.write(version, Write({key: told}))

    def _tell(self, key: str, arn: str, result: str, when: datetime) -> None:
        version = self.registry.version(arn)
        if version:
            told = record(result, when, self.settings.role)
            self.registry.write(version, Write({f"{self.settings.account}_{key}": told}))

    def _tell_once(self, key: str, arn: str, result: str, more: str) -> None:
        """Tell what is so now, unless it is told; only the time would be new."""
        version = self.registry.version(arn)
        name, told = f"{self.settings.account}_{key}", record(result, self.now(), self.settings.role, more)
        if version and not same_but_when(version.records.get(name, ""), told):
            self.registry.write(version, Write({name: told}))
