"""A compiled policy: statements that can be asked. Made by documents.py, asked by evaluator.py."""

from __future__ import annotations

from dataclasses import dataclass, field

from millrace.local.iam.conditions import Condition, NullCondition
from millrace.local.iam.grantees import Grantees, Named
from millrace.local.iam.matching import Pattern
from millrace.local.iam.records import Principal
from millrace.local.iam.variables import Context

_REMEMBERED = 4096


@dataclass(frozen=True)
class Statement:
    """One statement, compiled."""

    name: str  # the Sid, or the index
    deny: bool
    grantees: Grantees | None  # None: the identity that the policy is attached to
    all_but_grantees: bool
    actions: tuple[Pattern, ...]
    all_but_actions: bool
    resources: tuple[Pattern, ...] | None  # None: the resource that the policy is attached to
    all_but_resources: bool
    conditions: tuple[Condition | NullCondition, ...]

    def has_action(self, action: str) -> bool:
        """Whether Action or NotAction covers it."""
        return any(pattern.matches(action, {}) for pattern in self.actions) != self.all_but_actions

    def names(self, principal: Principal, *, bounded: bool) -> Named:
        """How it names the principal; `bounded`: the principal has a permissions boundary."""
        if self.grantees is None:
            return Named.DIRECTLY
        if not self.all_but_grantees:
            return self.grantees.names(principal)
        # AWS documents that NotPrincipal with Deny always hits a principal that has a boundary.
        return Named.NOT if self.grantees.exempts(principal) and not bounded else Named.DIRECTLY

    def holds(self, resource: str, context: Context) -> bool:
        """Whether Resource or NotResource covers it and every condition holds."""
        return self._has_resource(resource, context) and all(
            condition.holds(context, undecided=self.deny) for condition in self.conditions
        )

    def _has_resource(self, resource: str, context: Context) -> bool:
        if self.resources is None:
            return True
        unresolved = False
        for pattern in self.resources:
            answer = pattern.matches(resource, context)
            if answer:
                return not self.all_but_resources
            unresolved = unresolved or answer is None
        if unresolved and not self.deny:
            return False  # the statement is invalid without the variable
        return self.all_but_resources


@dataclass(frozen=True)
class Document:
    """A policy, compiled."""

    statements: tuple[Statement, ...]
    _by_action: dict[str, tuple[tuple[Statement, ...], tuple[Statement, ...]]] = field(default_factory=dict)

    def denies(self, action: str) -> tuple[Statement, ...]:
        """The Deny statements about `action`."""
        return self._about(action)[0]

    def allows(self, action: str) -> tuple[Statement, ...]:
        """The Allow statements about `action`."""
        return self._about(action)[1]

    def _about(self, action: str) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
        found = self._by_action.get(action)
        if found is None:
            about = [statement for statement in self.statements if statement.has_action(action)]
            found = tuple(s for s in about if s.deny), tuple(s for s in about if not s.deny)
            if len(self._by_action) >= _REMEMBERED:
                self._by_action.clear()
            self._by_action[action] = found
        return found
