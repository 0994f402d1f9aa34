"""The gate: every request, and every call that AWS makes in a role's name, is decided here before anything happens.

The gateway calls `check` for each HTTP request, the services call `require` for what an API implies. A refusal is
a ServiceError in the service's own words; every decision goes to the audit log.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from millrace.local import wire
from millrace.local.clients import Clients
from millrace.local.clock import Clock
from millrace.local.iam import (
    actions,
    context,
    denials,
    encryption,
    moto_policies,
    moto_principals,
    moto_tags,
    passed_roles,
    policy_writes,
    s3_actions,
)
from millrace.local.iam.audit import AuditLog
from millrace.local.iam.documents import PolicyError
from millrace.local.iam.evaluator import decide
from millrace.local.iam.needs import Need, Place
from millrace.local.iam.policies import PolicyText, ResourcePolicies, owner_of
from millrace.local.iam.principals import Identified, Principals
from millrace.local.iam.records import AccessRequest, Decision, Policies, Principal
from millrace.local.iam.refusals import refused
from millrace.local.service import Caller, ServiceError

UNIDENTIFIED = "UnidentifiedOperation"


def _nothing(_: str) -> Mapping[str, str]:
    return {}


class Gate:
    """Decides; `packages` gives the policy text of a model package group, `current` the keys of a package's state."""

    def __init__(
        self,
        aws: Clients,
        audit: AuditLog,
        packages: PolicyText,
        *,
        clock: Clock,
        tags: Callable[[str], Mapping[str, str]] = moto_tags.of,
        current: Callable[[str], Mapping[str, str]] = _nothing,
        enforcing: bool = True,
    ) -> None:
        self.principals = Principals(aws)
        self.audit = audit
        self._clock = clock
        self._resource_policies = ResourcePolicies(packages)
        self._tags = tags
        self._current = current
        self._enforcing = enforcing
        self._process = secrets.token_hex(4)
        self._requests = itertools.count(1)

    def identify(self, access_key: str) -> Identified:
        """Whose key it is; UnknownKeyError for nobody's."""
        return self.principals.of_key(access_key)

    def check(
        self, identified: Identified, operation: wire.Operation, place: Place, environ: Mapping[str, Any]
    ) -> None:
        """Raise the service's own error unless the caller may do all that the request does."""
        if not self._enforcing or not identified.decided:
            return
        service, name, params = operation.service, operation.name, operation.params
        if service == "iam" and identified.user and "UserName" not in params:
            params = {**params, "UserName": identified.user}
        shape = operation.model.input_shape
        request = context.of_request(identified, environ, place.region, self._clock.datetime())
        request_id = self._request_id()
        own = actions.needs(service, name, params, place)
        if identified.principal.kind == "service" and any(moto_policies.is_missing(need.resource) for need in own):
            return  # what does not exist has no policy: its service says that it is not there
        needs = self._all(own, operation, params, place)
        for need in needs:
            owner = owner_of(need.resource, place.account)
            keys = {**request, **context.of_need(need, service, name, params, shape, owner), **self._tag_keys(need)}
            if need.via:
                keys |= {"aws:ViaAWSService": ("true",), "kms:ViaService": (need.via,)}
            if need.action.startswith("kms:"):
                keys["kms:CallerAccount"] = (place.account,)
            decision, policies = self._decide(identified, need, owner, keys, request_id)
            if not decision.allowed:
                raise refused(operation, need, denials.message(identified.principal, need, decision, policies))
        passed_roles.check_existence(service, needs)
        policy_writes.check(operation, place)

    def _tag_keys(self, need: Need) -> dict[str, tuple[str, ...]]:
        prefix = need.action.partition(":")[0]
        found: dict[str, tuple[str, ...]] = {}
        for name, value in self._tags(need.resource).items():
            found[f"aws:ResourceTag/{name}"] = found[f"{prefix}:ResourceTag/{name}"] = (value,)
        if ":model-package/" in need.resource:
            found |= {key: (value,) for key, value in self._current(need.resource).items()}
        return found

    def _request_id(self) -> str:
        """Decisions about one request have the same."""
        return f"{self._process}-{next(self._requests)}"

    def _all(self, own: list[Need], operation: wire.Operation, params: Mapping[str, Any], place: Place) -> list[Need]:
        """The request's own needs and those that AWS derives from it."""
        service, name = operation.service, operation.name
        found = list(own)
        if service == "s3":
            found += s3_actions.missing_object(name, params)
        found += passed_roles.needs(service, name, operation.params, operation.model.input_shape, place)
        found += encryption.needs(service, name, params, place, [need.resource for need in own])
        return found

    def check_unidentified(
        self, identified: Identified, service: str, place: Place, environ: Mapping[str, Any]
    ) -> bool:
        """Whether the caller may send what no operation of the service's model matches: who may do everything."""
        if not self._enforcing or not identified.decided:
            return True
        need = Need(f"{service or 's3'}:{UNIDENTIFIED}")
        keys = context.of_request(identified, environ, place.region, self._clock.datetime())
        return self._decide(identified, need, place.account, keys, self._request_id())[0].allowed

    def require(
        self,
        principal: Principal | Identified,
        action: str,
        resource: str,
        *,
        because: str,
        context: Mapping[str, str] | None = None,
    ) -> None:
        """Refused unless the principal may do what the API named by `because` does in its name.

        A caller is given as `identify` found it, with its session's policies; a role or service by its name.
        """
        identified = principal if isinstance(principal, Identified) else self.principals.of_principal(principal)
        if not self._enforcing or not identified.decided:
            return
        principal = identified.principal
        need = Need(action, resource, {key: (value,) for key, value in (context or {}).items()}, because=because)
        owner = owner_of(resource, principal.account)
        decision, policies = self._decide(identified, need, owner, self._keys(identified, need, owner), "")
        if not decision.allowed:
            message = denials.message(principal, need, decision, policies)
            raise ServiceError("AccessDeniedException", message, status=403)

    def _keys(self, identified: Identified, need: Need, owner: str) -> dict[str, tuple[str, ...]]:
        parts = need.resource.split(":")
        region = parts[3] if len(parts) > 3 else ""
        found = context.of_request(identified, {}, region, self._clock.datetime())
        if owner:
            found["aws:ResourceAccount"] = (owner,)
        if need.action.startswith("kms:"):
            found["kms:CallerAccount"] = (identified.principal.account,)
        return {**found, **self._tag_keys(need), **need.context}

    def _decide(
        self, identified: Identified, need: Need, owner: str, keys: Mapping[str, tuple[str, ...]], request_id: str
    ) -> tuple[Decision, Policies]:
        resource = self._resource_policies.of(need.action, need.resource)
        policies = Policies(identified.identity, identified.boundary, identified.session, resource)
        request = AccessRequest(identified.principal, need.action, need.resource, owner, keys)
        try:
            decision = decide(request, policies)
        except PolicyError as error:
            raise ServiceError(
                "MalformedPolicyDocument", f"A policy that has a say in {need.action}: {error}"
            ) from error
        self._record(identified.principal, need, decision, request_id)
        return decision, policies

    def _record(self, principal: Principal, need: Need, decision: Decision, request_id: str) -> None:
        self.audit.add(
            {
                "time": self._clock.datetime().isoformat(timespec="milliseconds"),
                "principal": principal.arn,
                "account": principal.account,
                "role": principal.role_arn,
                "action": need.action,
                "resource": need.resource,
                "allowed": decision.allowed,
                "reason": decision.reason,
                "policy": decision.policy,
                "statement": decision.statement,
                "because": need.because,
                "request": request_id,
            }
        )

    def principal(self, caller: Caller) -> Principal:
        """Who makes a request, for what is required of them later."""
        return self.identify(caller.access_key).principal

    def role(self, role_arn: str, session: str = "millrace") -> Principal:
        """A session of the role; refused when there is no such role."""
        if moto_principals.role(role_arn) is None:
            raise ServiceError("AccessDenied", f"The role {role_arn} does not exist", status=403)
        account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
        arn = f"arn:aws:sts::{account}:assumed-role/{name}/{session[:64]}"
        return Principal("role", arn, account, role_arn)

    def service(self, name: str) -> Principal:
        """An AWS service as principal: `sagemaker.amazonaws.com`."""
        return Principal("service", name, "")
