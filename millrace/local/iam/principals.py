"""Access key -> who it is and which policies limit what they may do. The gate asks it once per request.

What a key means is kept until IAM or STS changes something (`forget`); sessions end by the machine's clock, as
the SDKs that renew them do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from millrace.local.clients import Clients, ServiceIdentity, account_of_root_key
from millrace.local.iam import documents, moto_principals
from millrace.local.iam.moto_principals import AccessKey, Entity
from millrace.local.iam.needs import account_of
from millrace.local.iam.records import Policy, Principal

ANONYMOUS = Principal("anonymous", "*", "")
NOTHING = '{"Version": "2012-10-17", "Statement": []}'


@dataclass(frozen=True)
class Identified:
    """A principal with its own policies and the condition keys that say who it is."""

    principal: Principal
    identity: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    session: tuple[Policy, ...] = ()
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    user: str = ""  # the name of a user
    token: str = ""  # the token without which the key of a session is worth nothing
    expires: datetime | None = None
    decided: bool = True  # False: a service at work on what is its own


class UnknownKeyError(Exception):
    """Nobody issued this key, or it is no longer active."""


class ExpiredError(Exception):
    """The session of this key is over."""


class Principals:
    """Finds principals; what it found holds until `forget`."""

    def __init__(self, aws: Clients) -> None:
        self._aws = aws
        self._known: dict[str, Identified] = {}

    def forget(self) -> None:
        """IAM or STS changed something."""
        self._known = {}

    def of_key(self, access_key: str) -> Identified:
        if not access_key:
            return of_anonymous()
        known = self._known
        found = known.get(access_key)
        if found is None:
            found = known[access_key] = self._find(access_key)
        if found.expires is not None and found.expires <= datetime.now(UTC):
            raise ExpiredError(access_key)
        return found

    def of_principal(self, principal: Principal) -> Identified:
        """A principal that is known by name: a role that a service acts as, or the service itself."""
        known = self._known
        found = known.get(principal.arn)
        if found is None:
            found = known[principal.arn] = _named(principal)
        return found

    def _find(self, access_key: str) -> Identified:
        if account := account_of_root_key(access_key):
            return of_root(account)
        if service := self._aws.service_identity(access_key):
            return of_service(service)
        key = moto_principals.access_key(access_key)
        if key is None or not key.active:
            raise UnknownKeyError(access_key)
        return _of_user(key) if key.user else _of_session(key, access_key)


def of_arn(arn: str) -> Identified | None:
    """The role or user of an ARN, with its policies; None when there is none."""
    account, name = account_of(arn), arn.rsplit("/", 1)[-1]
    if entity := moto_principals.role(arn):
        return _role(Principal("role", arn, account, arn), entity, name, ())
    entity = moto_principals.user(account, name)
    if entity is None or entity.arn != arn:
        return None
    return Identified(Principal("user", arn, account), _policies(entity), _boundary(entity), user=name)


def of_anonymous() -> Identified:
    return Identified(ANONYMOUS, context={"aws:PrincipalType": ("Anonymous",)})


def of_root(account: str) -> Identified:
    arn = f"arn:aws:iam::{account}:root"
    return Identified(Principal("root", arn, account), context=_who(account, arn, "Account", account))


def of_service(identity: ServiceIdentity) -> Identified:
    """A service says of itself what its identity holds; it has no policies of its own."""
    said = {
        "aws:PrincipalServiceName": identity.principal,
        "aws:SourceArn": identity.source_arn,
        "aws:SourceAccount": identity.source_account,
    }
    context = {key: (value,) for key, value in said.items() if value}
    context |= {"aws:PrincipalIsAWSService": ("true",), "aws:PrincipalType": ("Service",)}
    principal = Principal("service", identity.principal, "")
    return Identified(principal, context=context, decided=bool(identity.principal))


def _named(principal: Principal) -> Identified:
    if principal.kind == "root":
        return of_root(principal.account)
    if principal.kind == "service":
        return of_service(ServiceIdentity(principal.arn, "", ""))
    if principal.kind != "role":
        return Identified(principal)
    entity = moto_principals.role(principal.role_arn)
    session = principal.arn.rsplit("/", 1)[-1]
    return _role(principal, entity, session, ()) if entity else Identified(principal)


def _of_user(key: AccessKey) -> Identified:
    entity = moto_principals.user(key.account, key.user)
    if entity is None:
        raise UnknownKeyError(key.user)
    context = _who(key.account, entity.arn, "User", entity.id) | {"aws:username": (key.user,)}
    context |= {f"aws:PrincipalTag/{name}": (value,) for name, value in entity.tags.items()}
    principal = Principal("user", entity.arn, key.account)
    return Identified(principal, _policies(entity), _boundary(entity), context=context, user=key.user)


def _of_session(key: AccessKey, access_key: str) -> Identified:
    entity = moto_principals.role(key.role_arn)
    if entity is None:
        # The role is gone: its sessions still exist, and may nothing.
        entity = Entity(key.role_arn, access_key, (), None)
    name = key.role_arn.rsplit("/", 1)[-1]
    arn = f"arn:aws:sts::{key.account}:assumed-role/{name}/{key.session_name}"
    session = (Policy("the session policy", documents.parse(key.session_policy)),) if key.session_policy else ()
    found = _role(Principal("role", arn, key.account, key.role_arn), entity, key.session_name, session)
    return replace(found, token=key.token, expires=key.expires)


def _role(principal: Principal, entity: Entity, session_name: str, session: tuple[Policy, ...]) -> Identified:
    context = _who(principal.account, entity.arn, "AssumedRole", f"{entity.id}:{session_name}")
    context |= {f"aws:PrincipalTag/{name}": (value,) for name, value in entity.tags.items()}
    return Identified(principal, _policies(entity), _boundary(entity), session, context)


def _who(account: str, arn: str, kind: str, user_id: str) -> dict[str, tuple[str, ...]]:
    return {
        "aws:PrincipalAccount": (account,),
        "aws:PrincipalArn": (arn,),
        "aws:PrincipalIsAWSService": ("false",),
        "aws:PrincipalType": (kind,),
        "aws:userid": (user_id,),
    }


def _policies(entity: Entity) -> tuple[Policy, ...]:
    return tuple(Policy(name, documents.parse(text or NOTHING)) for name, text in entity.policies)


def _boundary(entity: Entity) -> Policy | None:
    if entity.boundary is None:
        return None
    name, text = entity.boundary
    return Policy(name, documents.parse(text or NOTHING))
