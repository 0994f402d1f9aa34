"""What a refused caller reads: AWS's sentence, which policies were looked at, and the statement that would allow it.

The sentences are those of "Troubleshooting access denied error messages" in the IAM user guide. Called by the gate.
"""

from __future__ import annotations

import json
from typing import Any

from millrace.local.iam.needs import Need
from millrace.local.iam.records import Decision, Policies, Policy, Principal

NO_ALLOW = {
    "no-allow-identity": "identity-based policy",
    "no-allow-resource": "resource-based policy",
    "no-allow-boundary": "permissions boundary",
    "no-allow-session": "session policy",
    "no-allow-trust": "resource-based policy",
    "no-allow-key-policy": "resource-based policy",
}


def message(principal: Principal, need: Need, decision: Decision, policies: Policies) -> str:
    """The whole text of a denial."""
    parts = [sentence(principal, need, decision, policies)]
    if need.because:
        parts.append(f"{need.because} needs it.")
    parts += explanation(principal, need, decision, policies)
    return " ".join(parts)


def sentence(principal: Principal, need: Need, decision: Decision, policies: Policies) -> str:
    """What AWS answers."""
    who = "anonymous" if principal.kind == "anonymous" else principal.arn
    head = f"User: {who} is not authorized to perform: {need.action} on resource: {need.resource}"
    if decision.reason == "explicit-deny":
        return f"{head} with an explicit deny in {_kind_of(decision.policy, policies)}."
    return f"{head} because no {NO_ALLOW[decision.reason]} allows the {need.action} action."


def explanation(principal: Principal, need: Need, decision: Decision, policies: Policies) -> list[str]:
    if decision.reason == "explicit-deny":
        found = _statement(decision, policies)
        text = f": {json.dumps(found)}" if found else "."
        return [
            f"Statement {decision.statement} of {decision.policy} denies it{text}",
            "An Allow does not help; change that statement or the request.",
        ]
    looked_at = [policy.name for policy in _looked_at(decision.reason, policies)]
    names = ", ".join(looked_at) if looked_at else "none are attached"
    place, statement = remedy(principal, need, decision)
    return [f"Policies looked at: {names}.", f"This statement in {place} would allow it: {json.dumps(statement)}"]


def remedy(principal: Principal, need: Need, decision: Decision) -> tuple[str, dict[str, Any]]:
    """Where the missing statement belongs, and the statement."""
    statement: dict[str, Any] = {"Effect": "Allow", "Action": need.action, "Resource": need.resource}
    if need.action == "iam:PassRole" and "iam:PassedToService" in need.context:
        statement["Condition"] = {"StringEquals": {"iam:PassedToService": need.context["iam:PassedToService"][0]}}
    owner = principal.role_arn or principal.arn
    if decision.reason == "no-allow-identity":
        return f"an identity policy of {owner}", statement
    if decision.reason == "no-allow-boundary":
        return f"the permissions boundary {decision.policy}", statement
    if decision.reason == "no-allow-session":
        return "the session policy", statement
    grantee: Any = {"Service": principal.arn} if principal.kind == "service" else {"AWS": owner}
    statement = {"Effect": "Allow", "Principal": grantee, **{k: v for k, v in statement.items() if k != "Effect"}}
    if decision.reason == "no-allow-trust":
        del statement["Resource"]
        return f"the trust policy of {need.resource}", statement
    if decision.reason == "no-allow-key-policy":
        return f"the key policy of {need.resource}", statement | {"Resource": "*"}
    return f"the policy of {need.resource} itself", statement


def _looked_at(reason: str, policies: Policies) -> tuple[Policy, ...]:
    one = (policies.resource,) if policies.resource else ()
    if reason == "no-allow-identity":
        return (*policies.identity, *one)
    if reason == "no-allow-boundary":
        return (policies.boundary,) if policies.boundary else ()
    return policies.session if reason == "no-allow-session" else one


def _kind_of(name: str, policies: Policies) -> str:
    if policies.resource and policies.resource.name == name:
        return "a resource-based policy"
    if policies.boundary and policies.boundary.name == name:
        return "a permissions boundary"
    if any(policy.name == name for policy in policies.session):
        return "a session policy"
    return "an identity-based policy"


def _statement(decision: Decision, policies: Policies) -> dict[str, Any] | None:
    """The statement that decided, as it stands in its policy."""
    everything = [*policies.identity, policies.boundary, *policies.session, policies.resource]
    for policy in everything:
        if policy is None or policy.name != decision.policy:
            continue
        raw = policy.document.get("Statement") or []
        for index, statement in enumerate(raw if isinstance(raw, list) else [raw]):
            if decision.statement in (statement.get("Sid"), str(index)):
                return dict(statement)
    return None
