"""IAM's policy simulator, by the evaluator that decides about requests; SDKs ask it before they use a role.

As in AWS it looks at the principal's own policies, its boundary and what the request brings, never at the policies
of resources, and knows the condition keys that it is given and no others. The server makes one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from millrace.local.iam import documents, policies, principals
from millrace.local.iam.documents import PolicyError
from millrace.local.iam.evaluator import simulate
from millrace.local.iam.records import AccessRequest, Decision, Policies, Policy, Principal
from millrace.local.service import Caller, Handler, ServiceError

PAGE = 100
NOT_AVAILABLE = ("CallerArn", "ResourceHandlingOption", "OrderedOrganizationPolicyInputList", "PolicyExclusionList")


class PolicySimulator:
    """The part of IAM that is not moto's."""

    name = "iam"
    complete = False

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {"SimulatePrincipalPolicy": self.of_principal, "SimulateCustomPolicy": self.of_policies}

    def of_principal(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        arn = params["PolicySourceArn"]
        found = principals.of_arn(arn)
        if found is None:
            told = f"Policy source {arn} does not exist: allowed are the ARNs of roles and users"
            raise ServiceError("NoSuchEntity", told, status=404)
        return _answer(found.principal, found.identity, found.boundary, params)

    def of_policies(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        nobody = Principal("role", "", caller.account)
        return _answer(nobody, (), None, params)


def _answer(
    principal: Principal, own: tuple[Policy, ...], boundary: Policy | None, params: dict[str, Any]
) -> dict[str, Any]:
    given = [name for name in NOT_AVAILABLE if params.get(name)]
    if given:
        raise ServiceError("InvalidInput", f"{given[0]} is not available in the embedded AWS")
    boundaries = _policies("PermissionsBoundaryPolicyInputList", params.get("PermissionsBoundaryPolicyInputList"))
    resource = _policies("ResourcePolicy", [params["ResourcePolicy"]] if params.get("ResourcePolicy") else None)
    known = Policies(
        (*own, *_policies("PolicyInputList", params.get("PolicyInputList"))),
        boundaries[0] if boundaries else boundary,
        resource=resource[0] if resource else None,
    )
    begin, most = int(params.get("Marker") or 0), params.get("MaxItems") or PAGE
    results = list(islice(_results(principal, known, params), begin, begin + most + 1))
    more = len(results) > most
    return {
        "EvaluationResults": results[:most],
        "IsTruncated": more,
        **({"Marker": str(begin + most)} if more else {}),
    }


def _policies(name: str, texts: Sequence[str] | None) -> tuple[Policy, ...]:
    try:
        return tuple(Policy(f"{name}.{number}", documents.parse(text)) for number, text in enumerate(texts or (), 1))
    except PolicyError as error:
        raise ServiceError("InvalidInput", f"{name}: {error}") from error


def _results(principal: Principal, known: Policies, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    context = {each["ContextKeyName"]: tuple(each["ContextKeyValues"]) for each in params.get("ContextEntries") or ()}
    for action in params["ActionNames"]:
        for resource in params.get("ResourceArns") or ("*",):
            owner = policies.owner_of(resource, principal.account)
            try:
                decision = simulate(AccessRequest(principal, action, resource, owner, context), known)
            except PolicyError as error:
                raise ServiceError("InvalidInput", str(error)) from error
            yield _result(action, resource, decision, known.boundary)


def _result(action: str, resource: str, decision: Decision, boundary: Policy | None) -> dict[str, Any]:
    denied = "explicitDeny" if decision.reason == "explicit-deny" else "implicitDeny"
    matched = decision.allowed or denied == "explicitDeny"
    bounded = {"AllowedByPermissionsBoundary": decision.allowed or decision.policy != boundary.name} if boundary else {}
    return {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": "allowed" if decision.allowed else denied,
        "MatchedStatements": [{"SourcePolicyId": decision.policy}] if matched else [],
        "MissingContextValues": [],
        **({"PermissionsBoundaryDecisionDetail": bounded} if bounded else {}),
    }
