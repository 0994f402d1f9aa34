"""One account of `accounts.toml`: where it is, how it runs. `stacks/account_stage.py` makes a Stage of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from settings.alarms import AccountAlarms, read_account_alarms
from settings.endpoint import EndpointTable, read_endpoint_table
from settings.names import regions, wrong_account_id
from settings.network import NetworkSettings, read_network
from settings.promotion import APPROVAL
from settings.reader import Reader
from settings.schedule import wrong_schedule

LONGEST_BUCKET, LONGEST_PURPOSE = 63, "artifacts"
REMOVALS = ("retain", "destroy")
LOG_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365),
    *(400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""The retentions CloudWatch Logs accepts."""


@dataclass(frozen=True)
class QueueSettings:
    """How SQS hands messages to a Lambda function."""

    batch_window_seconds: int
    maximum_concurrency: int


@dataclass(frozen=True)
class AccountSettings:
    """`schedule` is empty where nothing is trained."""

    name: str
    account_id: str
    region: str
    trains: bool
    deploys_on: str
    after: str
    schedule: str
    removal: str
    log_retention_days: int
    endpoint: EndpointTable
    queue: QueueSettings
    alarms: AccountAlarms
    network: NetworkSettings | None

    @property
    def stage(self) -> str:
        """The stage of the registry's life cycle that a version must be approved for; empty if none."""
        return "" if self.deploys_on == APPROVAL else self.deploys_on


def read_account(name: str, reader: Reader) -> AccountSettings:
    """Read one table of `accounts.toml`, noting its mistakes."""
    queue = reader.table("queue")
    trains = reader.flag("trains")
    idle = reader.good("trains") and not trains
    if idle:
        reader.refuse("schedule", "is set, but this account trains nothing; take it out")
    account = AccountSettings(
        name=name,
        account_id=reader.text("account_id", check=wrong_account_id),
        region=reader.text("region", allowed=regions()),
        trains=trains,
        deploys_on=reader.text("deploys_on", check=wrong_stage),
        after=reader.text("after"),
        schedule="" if idle else reader.text("schedule", check=wrong_schedule),
        removal=reader.text("removal", allowed=REMOVALS),
        log_retention_days=reader.one_of("log_retention_days", LOG_DAYS),
        endpoint=read_endpoint_table(reader.table("endpoint", optional=True)),
        queue=QueueSettings(
            batch_window_seconds=queue.integer("batch_window_seconds", low=0, high=300),
            maximum_concurrency=queue.integer("maximum_concurrency", low=2, high=1000),
        ),
        alarms=read_account_alarms(reader.table("alarms"), trains=not idle),
        network=read_network(reader.table("network")) if reader.holds("network") else None,
    )
    _check_name(account, reader)
    queue.close()
    reader.close()
    return account


def wrong_stage(text: str) -> str | None:
    """What the registry takes as the name of a stage; `approval` asks for none."""
    if text and len(text) <= 63 and re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*", text):
        return None
    return f'write "{APPROVAL}", or the name of a stage of the registry such as "Production"'


def _check_name(account: AccountSettings, reader: Reader) -> None:
    """The name stands in those of the buckets (`stacks/naming.py`), which S3 keeps short."""
    longest = f"millrace-{account.name}-{LONGEST_PURPOSE}-{account.account_id}-{account.region}"
    if reader.good("account_id", "region") and len(longest) > LONGEST_BUCKET:
        fits = len(account.name) - (len(longest) - LONGEST_BUCKET)
        reader.problem(
            "", f"the bucket {longest} would have {len(longest)} characters; name the account with {fits} at most"
        )
