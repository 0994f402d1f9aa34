"""boto3 clients towards the embedded AWS itself, for the services that act on behalf of an account or role.

Access keys carry their account: AKIA0LOC followed by the 12 digits is the root of that account.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

ROOT_KEY_PREFIX = "AKIA0LOC"
ROOT_SECRET = "millrace"
SESSION_SECONDS = 3600
RENEW_BEFORE_SECONDS = 300
LONGEST_CALL_SECONDS = 930


def root_access_key(account: str) -> str:
    return f"{ROOT_KEY_PREFIX}{account}"


def account_of_root_key(access_key: str) -> str | None:
    """The account of a root access key, or None if the key is none."""
    digits = access_key.removeprefix(ROOT_KEY_PREFIX)
    return digits if access_key != digits and len(digits) == 12 and digits.isdigit() else None


@dataclass(frozen=True)
class _Session:
    credentials: dict[str, str]
    expires: float


class Clients:
    """Makes and keeps boto3 clients; they are thread-safe once made, making them is not."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.RLock()
        self._clients: dict[tuple[str, ...], Any] = {}
        self._sessions: dict[tuple[str, str], _Session] = {}
        self._session: Any = None

    def client(self, service: str, *, account: str, region: str) -> Any:
        """A client with the credentials of the account's root."""
        keys = {"AccessKeyId": root_access_key(account), "SecretAccessKey": ROOT_SECRET}
        return self._client(service, region, keys)

    def role_client(self, role_arn: str, service: str, *, region: str, session: str = "millrace") -> Any:
        """A client with an STS session of the role; ClientError when the role does not exist."""
        return self._client(service, region, self.role_credentials(role_arn, session=session, region=region))

    def role_credentials(
        self, role_arn: str, *, session: str = "millrace", region: str = "us-east-1"
    ) -> dict[str, str]:
        """AccessKeyId, SecretAccessKey and SessionToken of a session of the role, renewed before it ends."""
        key = (role_arn, session[:64])
        with self._lock:
            known = self._sessions.get(key)
            if known and known.expires - RENEW_BEFORE_SECONDS > time.time():
                return known.credentials
        account = role_arn.split(":")[4]
        answer = self.client("sts", account=account, region=region).assume_role(
            RoleArn=role_arn, RoleSessionName=session[:64], DurationSeconds=SESSION_SECONDS
        )["Credentials"]
        credentials = {name: answer[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")}
        with self._lock:
            self._sessions[key] = _Session(credentials, time.time() + SESSION_SECONDS)
        return credentials

    def caller_client(self, caller: Any, service: str) -> Any:
        """A client of the caller's account and region."""
        return self.client(service, account=caller.account, region=caller.region)

    def forget(self) -> None:
        """Drop cached sessions (after a reset of the state they no longer exist)."""
        with self._lock:
            self._sessions.clear()

    def _client(self, service: str, region: str, keys: dict[str, str]) -> Any:
        key = (service, region, keys["AccessKeyId"])
        with self._lock:
            client = self._clients.get(key)
            if client is None:
                client = self._clients[key] = self._make(service, region, keys)
            return client

    def _make(self, service: str, region: str, keys: dict[str, str]) -> Any:
        import boto3
        from botocore.config import Config

        # One session for all: each would read its own copy of the service models and of AWS's list of endpoints.
        if self._session is None:
            self._session = boto3.session.Session()
        config = Config(
            # A function may take 15 minutes, and calling it twice would run it twice.
            retries={"total_max_attempts": 1 if service == "lambda" else 2},
            read_timeout=LONGEST_CALL_SECONDS,
            max_pool_connections=32,
            s3={"addressing_style": "path"},
        )
        return self._session.client(
            service,
            endpoint_url=self._url,
            config=config,
            region_name=region,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
        )

