"""Whom the commands talk to: the embedded AWS of this folder, or a real account by its profile."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from millrace.cli import accounts, project, server
from millrace.errors import MillraceError

DEFAULT_ACCOUNT = "111111111111"
DEFAULT_REGION = "ap-northeast-2"


@dataclass(frozen=True)
class Options:
    """What was given before or after the command's name: --profile, --region, --account, --debug."""

    profile: str | None = None
    region: str | None = None
    account: str | None = None
    debug: bool = False

    def connect(self) -> Connection:
        """The connection to use; MillraceError when the embedded AWS is wanted and not running."""
        if self.profile:
            return self._of_profile(self.profile)
        running = server.find()
        if running is None:
            raise MillraceError(
                "the embedded AWS is not running: `millrace up` starts it (or name a real account with --profile)"
            )
        return self.embedded(running)

    def embedded(self, running: server.Server) -> Connection:
        account, region = self.place()
        return Connection(url=running.url, account=account, region=region)

    def place(self) -> tuple[str, str]:
        """Account and region: as given, by id or by name, else those of the account that trains."""
        found = accounts.chosen(self.account)
        if found is not None:
            return found.id, self.region or found.region
        account, region = project.environment_of() or (DEFAULT_ACCOUNT, DEFAULT_REGION)
        return self.account or account, self.region or region

    def _of_profile(self, profile: str) -> Connection:
        """A named account is checked: a command meant for staging must not reach prod by another one's profile."""
        wanted = accounts.chosen(self.account) if self.account else None
        connection = Connection(profile=profile, region=self.region or (wanted.region if wanted else None))
        account = wanted.id if wanted else self.account
        if account and connection.account != account:
            raise MillraceError(
                f"the profile {profile} is of the account {connection.account}, but --account {self.account} is "
                f"{account}: give the profile of that account, or leave --account out"
            )
        return connection


class Connection:
    """boto3 clients of one account and region."""

    def __init__(
        self, *, url: str | None = None, account: str | None = None, region: str | None, profile: str | None = None
    ) -> None:
        self.url = url
        self.profile = profile
        self._account = account
        self._region = region
        self._session: Any = None
        self._clients: dict[str, Any] = {}

    @property
    def embedded(self) -> bool:
        return self.url is not None

    @property
    def poll_seconds(self) -> float:
        return 0.1 if self.embedded else 5.0

    def now(self) -> datetime:
        """The time there: that of the embedded AWS can be moved."""
        if self.url is None:
            return datetime.now(UTC)
        answer = server.call(server.Server(self.url, 0, project.home()), "/_millrace/clock")
        return datetime.fromtimestamp(float(answer["now"]), UTC)

    @property
    def account(self) -> str:
        if self._account is None:
            self._account = str(self.client("sts").get_caller_identity()["Account"])
        return self._account

    @property
    def region(self) -> str:
        return str(self.session.region_name)

    @property
    def session(self) -> Any:
        """The boto3 session, for what wants one (deployment)."""
        if self._session is None:
            self._session = self._make_session()
        return self._session

    @property
    def environment(self) -> dict[str, str]:
        """What makes boto3, the AWS CLI and every SDK talk to the embedded AWS."""
        return {
            "AWS_ENDPOINT_URL": str(self.url),
            "AWS_ACCESS_KEY_ID": access_key(str(self._account)),
            "AWS_SECRET_ACCESS_KEY": "millrace",
            "AWS_DEFAULT_REGION": str(self._region),
            "AWS_REGION": str(self._region),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, *, connections: int = 0, attempts: int = 2) -> Any:
        """The client of a service; with `connections` one of its own, which so many threads can use at once."""
        if connections:
            retries = {"total_max_attempts": attempts}
            return self.session.client(
                service, **self._client_options(max_pool_connections=connections, retries=retries)
            )
        if service not in self._clients:
            self._clients[service] = self.session.client(service, **self._client_options())
        return self._clients[service]

    def _make_session(self) -> Any:
        import boto3

        if self.url is None:
            session = boto3.session.Session(profile_name=self.profile, region_name=self._region)
            if session.region_name is None:
                raise MillraceError(f"the profile {self.profile} names no region: give one with --region")
            return session
        return boto3.session.Session(
            aws_access_key_id=access_key(str(self._account)),
            aws_secret_access_key="millrace",
            region_name=self._region,
        )

    def _client_options(self, **more: Any) -> dict[str, Any]:
        from botocore.config import Config

        if self.url is not None:
            given = {"retries": {"total_max_attempts": 2}, **more}
            config = Config(s3={"addressing_style": "path"}, proxies={}, **given)
            return {"endpoint_url": self.url, "config": config}
        if os.environ.get("AWS_ENDPOINT_URL"):  # left over from `eval "$(millrace env)"`: not the profile's
            return {"config": Config(ignore_configured_endpoint_urls=True, **more)}
        return {"config": Config(**more)} if more else {}


def access_key(account: str) -> str:
    """The access key of an account's root in the embedded AWS."""
    if len(account) != 12 or not account.isdigit():
        raise MillraceError(
            f"--account is {account!r}: an account id has 12 digits, e.g. {DEFAULT_ACCOUNT}; names such as dev also do"
        )
    return f"AKIA0LOC{account}"
