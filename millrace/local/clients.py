"""boto3 clients towards the embedded AWS itself, for the services that act as a role, as their caller or as themselves.

Access keys carry their account: AKIA0LOC followed by the 12 digits is the root of that account. What a service
does under its own name it does with keys that this process makes up and nobody else can know.
"""

from __future__ import annotations

import secrets
import string
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from millrace.local.models import shared_session

ROOT_KEY_PREFIX = "AKIA0LOC"
ROOT_SECRET = "millrace"
SESSION_SECONDS = 3600
RENEW_BEFORE_SECONDS = 300
LONGEST_CALL_SECONDS = 930
SERVICE_KEY_PREFIX = "AKIASVC"
RANDOM_CHARACTERS = 13
VIA_HEADER = "X-Millrace-Via"
KEY_CHARACTERS = string.ascii_uppercase + string.digits


def root_access_key(account: str) -> str:
    return f"{ROOT_KEY_PREFIX}{account}"


def account_of_root_key(access_key: str) -> str | None:
    """The account of a root access key, or None if the key is none."""
    digits = access_key.removeprefix(ROOT_KEY_PREFIX)
    return digits if access_key != digits and len(digits) == 12 and digits.isdigit() else None


@dataclass(frozen=True)
class ServiceIdentity:
    """A service that acts under its own name: where, and on behalf of which resource and account, if it says so.

    Without a principal it is a service at work on what is its own, which no policy has a say in.
    """

    principal: str
    account: str
    region: str
    source_arn: str = ""
    source_account: str = ""


class ServiceKeys:
    """The access keys of service identities, new in every process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[ServiceIdentity, str] = {}
        self._identities: dict[str, ServiceIdentity] = {}

    def key(self, identity: ServiceIdentity) -> str:
        with self._lock:
            known = self._keys.get(identity)
            if known is None:
                known = SERVICE_KEY_PREFIX + "".join(secrets.choice(KEY_CHARACTERS) for _ in range(RANDOM_CHARACTERS))
                self._keys[identity] = known
                self._identities[known] = identity
            return known

    def identity(self, access_key: str) -> ServiceIdentity | None:
        return self._identities.get(access_key)


SERVICE_KEYS = ServiceKeys()


def account_of_service_key(access_key: str) -> str | None:
    """The account in which a service acts with this key, or None if it is no service's."""
    identity = SERVICE_KEYS.identity(access_key)
    return identity.account if identity else None


@dataclass(frozen=True)
class _Session:
    credentials: dict[str, str]
    expires: float


def _mark(via: str) -> Callable[..., None]:
    """Says in each request which service makes it in another's name; from outside the header means nothing."""

    def mark(params: dict[str, Any], **_: Any) -> None:
        params["headers"][VIA_HEADER] = via

    return mark


class Clients:
    """Makes and keeps boto3 clients; they are thread-safe once made, making them is not."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._direct: Any = None
        self._lock = threading.RLock()
        self._clients: dict[tuple[str, ...], Any] = {}
        self._sessions: dict[tuple[str, str, str], _Session] = {}
        self._given: set[str] = set()
        self._session: Any = None

    def serve_by(self, application: Any) -> None:
        """From now on requests go to this WSGI application of the same process, not through a socket."""
        from millrace.local.direct import Direct

        self._direct = Direct(application)

    def client(self, service: str, *, account: str, region: str) -> Any:
        """A client with the credentials of the account's root."""
        keys = {"AccessKeyId": root_access_key(account), "SecretAccessKey": ROOT_SECRET}
        return self._client(service, region, keys)

    def own_client(self, service: str, *, account: str, region: str) -> Any:
        """A client with which a service looks after what is its own: its configuration, its buckets. Not decided."""
        return self.identity_client(ServiceIdentity("", account, region), service)

    def service_client(
        self,
        principal: str,
        service: str,
        *,
        account: str,
        region: str,
        source_arn: str = "",
        source_account: str = "",
    ) -> Any:
        """A client whose requests are those of a service principal, in the account whose resource they are about."""
        return self.identity_client(ServiceIdentity(principal, account, region, source_arn, source_account), service)

    def identity_client(self, identity: ServiceIdentity, service: str) -> Any:
        keys = {"AccessKeyId": SERVICE_KEYS.key(identity), "SecretAccessKey": ROOT_SECRET}
        return self._client(service, identity.region, keys)

    def service_identity(self, access_key: str) -> ServiceIdentity | None:
        """Which service acts with an access key; None for the key of a root, user or session."""
        return SERVICE_KEYS.identity(access_key)

    def role_client(
        self,
        role_arn: str,
        service: str,
        *,
        region: str,
        by: ServiceIdentity,
        session: str = "millrace",
        via: str = "",
    ) -> Any:
        """A client with an STS session that the service `by` has of the role; ClientError when it may not."""
        return self._client(service, region, self.role_credentials(role_arn, by=by, session=session), via)

    def role_credentials(self, role_arn: str, *, by: ServiceIdentity, session: str = "millrace") -> dict[str, str]:
        """AccessKeyId, SecretAccessKey and SessionToken of a session of the role, renewed before it ends."""
        key = (role_arn, session[:64], by.principal)
        with self._lock:
            known = self._sessions.get(key)
            if known and known.expires - RENEW_BEFORE_SECONDS > time.time():
                return known.credentials
        answer = self.identity_client(by, "sts").assume_role(
            RoleArn=role_arn, RoleSessionName=session[:64], DurationSeconds=SESSION_SECONDS
        )["Credentials"]
        credentials = {name: answer[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")}
        with self._lock:
            self._sessions[key] = _Session(credentials, time.time() + SESSION_SECONDS)
            self._given.add(credentials["AccessKeyId"])
        return credentials

    def gave(self, access_key: str) -> bool:
        """Whether it is the key of a service's session of a role: its functions and jobs have it, nobody outside."""
        return access_key in self._given

    def caller_client(self, caller: Any, service: str, *, via: str = "") -> Any:
        """A client with the caller's own rights, for what a service (`via`) does in its caller's name."""
        keys = {"AccessKeyId": caller.access_key, "SecretAccessKey": ROOT_SECRET}
        return self._client(service, caller.region, keys, via)

    def forget(self) -> None:
        """Drop cached sessions (after a reset of the state they no longer exist)."""
        with self._lock:
            self._sessions.clear()

    def _client(self, service: str, region: str, keys: dict[str, str], via: str = "") -> Any:
        key = (service, region, keys["AccessKeyId"], via)
        with self._lock:
            client = self._clients.get(key)
            if client is None:
                client = self._clients[key] = self._make(service, region, keys)
                if via:
                    client.meta.events.register("before-call", _mark(via))
            return client

    def _make(self, service: str, region: str, keys: dict[str, str]) -> Any:
        import boto3
        from botocore.config import Config

        # One session for all: each would read its own copy of the service models and of AWS's list of endpoints.
        if self._session is None:
            self._session = boto3.session.Session(botocore_session=shared_session())
        config = Config(
            # A function may take 15 minutes, and calling it twice would run it twice.
            retries={"total_max_attempts": 1 if service == "lambda" else 2},
            read_timeout=LONGEST_CALL_SECONDS,
            max_pool_connections=32,
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        client = self._session.client(
            service,
            endpoint_url=self._url,
            config=config,
            region_name=region,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
        )
        if self._direct is not None:
            client.meta.events.register("before-send", self._direct)
        return client
