"""Whether AWS would allow a request, from the policies that apply to it. Pure: no I/O, no clock, no store.

Called by the gate for every request and every implied call. The order is the documented one ("Policy evaluation
logic", IAM User Guide): an explicit deny anywhere; then who is asking and how the resource's policy names it; then
identity policies, permissions boundary and session policies. KMS keys and role trust policies are authorities of
their own: without their allow nothing else counts. Organization policies (SCP, RCP) and KMS grants are not modelled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from millrace.local.iam.documents import Kind, compiled
from millrace.local.iam.grantees import Named
from millrace.local.iam.records import AccessRequest, Decision, Policies, Policy
from millrace.local.iam.statements import Statement

_ASSUME = frozenset(
    (
        "sts:assumerole",
        "sts:assumerolewithsaml",
        "sts:assumerolewithwebidentity",
        "sts:tagsession",
        "sts:setsourceidentity",
    )
)


def decide(request: AccessRequest, policies: Policies) -> Decision:
    """The decision; raises documents.PolicyError when a policy is malformed."""
    question = _Question(request, policies)
    return question.explicit_deny() or question.answer()


def simulate(request: AccessRequest, policies: Policies) -> Decision:
    """What the simulator says: where no resource policy is given, none has a say, not even a key's."""
    question = _Question(request, policies)
    return question.explicit_deny() or (question.answer() if policies.resource else question.by_identity())


@dataclass(frozen=True)
class _Allow:
    policy: str = ""
    statement: str = ""
    named: Named = Named.DIRECTLY

    def decision(self) -> Decision:
        return Decision(True, "allowed", self.policy, self.statement)


class _Question:
    def __init__(self, request: AccessRequest, policies: Policies) -> None:
        self.request = request
        self.policies = policies
        self.principal = request.principal
        self.context = {key.lower(): values for key, values in request.context.items()}

    def answer(self) -> Decision:
        """What the Allow statements give, no Deny having applied."""
        kind = self.principal.kind
        if kind == "anonymous" and self.authority:
            return self._no_grant()
        if kind not in ("root", "user", "role"):
            return self.grant.decision() if self.grant else self._no_grant()
        if self.grant is None and (self.authority or not self.same_account):
            return self._no_grant()
        if kind == "root":
            return (self.grant or _Allow()).decision()
        return self.by_identity()

    def by_identity(self) -> Decision:
        """What the principal's own policies give, each limit heeded."""
        grant = self.grant
        if grant and self.same_account and grant.named is Named.DIRECTLY:
            return grant.decision()
        identity = self._first(self.policies.identity)
        if identity is None and grant and self.same_account and grant.named is Named.ROLE:
            identity = grant
        if identity is None:
            return Decision(False, "no-allow-identity")
        boundary = self.policies.boundary
        if boundary is not None and self._first((boundary,)) is None:
            return Decision(False, "no-allow-boundary", boundary.name)
        session = self.policies.session
        if session and self._first(session) is None:
            return Decision(False, "no-allow-session", session[0].name)
        return identity.decision()

    def explicit_deny(self) -> Decision | None:
        """The first Deny that applies."""
        for policy in (*self.policies.identity, *self._own_limits()):
            for statement in compiled(policy.document, "identity").denies(self.request.action):
                if self._holds(statement):
                    return Decision(False, "explicit-deny", policy.name, statement.name)
        resource = self.policies.resource
        if resource is None:
            return None
        bounded = self.policies.boundary is not None
        for statement in compiled(resource.document, self.resource_kind).denies(self.request.action):
            if statement.names(self.principal, bounded=bounded) and self._holds(statement):
                return Decision(False, "explicit-deny", resource.name, statement.name)
        return None

    @cached_property
    def grant(self) -> _Allow | None:
        """The Allow of the resource's own policy that names the principal most closely."""
        resource = self.policies.resource
        if resource is None:
            return None
        best: _Allow | None = None
        for statement in compiled(resource.document, self.resource_kind).allows(self.request.action):
            named = statement.names(self.principal, bounded=False)
            if named > (best.named if best else Named.NOT) and self._holds(statement):
                best = _Allow(resource.name, statement.name, named)
        return best

    @cached_property
    def same_account(self) -> bool:
        """Requests about no resource in particular are about the caller's own account."""
        owner = self.request.resource_account
        return not owner or owner == self.principal.account

    @cached_property
    def resource_kind(self) -> Kind:
        return "trust" if self.authority == "trust" else "resource"

    @cached_property
    def authority(self) -> str:
        """The policy that must allow whatever else does: "trust", "key-policy" or none."""
        action = self.request.action.lower()
        if action in _ASSUME and ":role/" in self.request.resource:
            return "trust"
        return "key-policy" if action.startswith("kms:") and ":key/" in self.request.resource else ""

    def _no_grant(self) -> Decision:
        resource = self.policies.resource
        return Decision(False, f"no-allow-{self.authority or 'resource'}", resource.name if resource else "")

    def _own_limits(self) -> Iterator[Policy]:
        if self.policies.boundary is not None:
            yield self.policies.boundary
        yield from self.policies.session

    def _first(self, policies: tuple[Policy, ...]) -> _Allow | None:
        for policy in policies:
            for statement in compiled(policy.document, "identity").allows(self.request.action):
                if self._holds(statement):
                    return _Allow(policy.name, statement.name)
        return None

    def _holds(self, statement: Statement) -> bool:
        return statement.holds(self.request.resource, self.context)
