"""Accounts together: which one trains, what the others wait for, and where their endpoints are."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import settings
from settings import SettingsError, load
from tests.unit.test_settings import SHIPPED, _changed, _toml

ACCOUNTS = tomllib.loads((SHIPPED / "accounts.toml").read_text("utf-8"))
Loader = Callable[..., settings.Settings]


@pytest.fixture
def loader(tmp_path: Path) -> Loader:
    """Loads the shipped settings with values of accounts changed (None removes one)."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "abalone.toml").write_bytes((SHIPPED / "models" / "abalone.toml").read_bytes())

    def write_and_load(changes: dict[str, Any]) -> settings.Settings:
        (tmp_path / "accounts.toml").write_text(_toml(_changed(ACCOUNTS, changes)), "utf-8")
        return load(tmp_path)

    return write_and_load


def problems(loader: Loader, changes: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        loader(changes)
    return [str(problem).removeprefix("accounts.toml: ") for problem in caught.value.problems]


def test_the_shipped_accounts_go_from_dev_over_staging_to_prod() -> None:
    loaded = load()
    assert [account.name for account in loaded.accounts] == ["dev", "staging", "prod"]
    assert loaded.training_account.name == "dev"
    assert {account.name: (account.stage, account.after) for account in loaded.accounts} == {
        "dev": ("", ""),
        "staging": ("", ""),
        "prod": ("Production", "staging"),
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"staging.trains": True}, "staging.trains: exactly one account trains, but dev, staging do"),
        (
            {"dev.trains": False, "dev.schedule": None, "dev.alarms.schedule_silent_hours": None},
            "dev.trains: exactly one account trains, but none does; set it for one",
        ),
        ({"dev.trains": None}, "dev.trains: is missing; add it (true or false)"),
        ({"prod.after": "test"}, "prod.after: is 'test', which is no account; allowed: dev, staging, prod"),
        ({"prod.after": "prod"}, "prod.after: is 'prod', which waits for prod itself; take one of them out"),
        ({"staging.after": "prod"}, "staging.after: is 'prod', which waits for staging itself"),
        ({"prod.account_id": "111111111111"}, "prod.account_id: is that of dev too"),
        ({"prod.region": "eu-west-1"}, "prod.region: is eu-west-1, that of dev ap-northeast-2"),
        ({"prod.schedule": "rate(1 hour)"}, "prod.schedule: is set, but this account trains nothing"),
        ({"prod.alarms.schedule_silent_hours": 2}, "prod.alarms.schedule_silent_hours: is set, but this account"),
        ({"prod.deploys_on": ""}, 'prod.deploys_on: is ""; write "approval", or the name of a stage'),
        ({"prod.deploys_on": "a stage"}, 'prod.deploys_on: is "a stage"; write "approval"'),
        ({"prod.network": {"subnets": [], "security_groups": ["sg-8c9d0e1f"]}}, "prod.network.subnets: is an empty"),
        ({"prod.network": {"subnets": ["subnet-0a1b2c3d"]}}, "prod.network.security_groups: is missing"),
        (
            {"prod.network": {"subnets": ["vpc-0a1b2c3d"], "security_groups": ["sg-8c9d0e1f"]}},
            'prod.network.subnets: holds "vpc-0a1b2c3d"; write an id such as subnet-0a1b2c3d',
        ),
    ],
)
def test_a_mistake_between_accounts_is_named(loader: Loader, changes: dict[str, Any], message: str) -> None:
    found = problems(loader, changes)
    assert any(line.startswith(message) for line in found), found


def test_a_circle_of_accounts_that_wait_for_each_other_ends_the_search(loader: Loader) -> None:
    found = problems(loader, {"dev.after": "prod", "staging.after": "dev"})
    assert [line.partition(":")[0] for line in found] == ["dev.after", "staging.after", "prod.after"]


def test_one_account_may_stand_alone(loader: Loader) -> None:
    loaded = loader({"staging": None, "prod": None})
    assert [account.name for account in loaded.accounts] == ["dev"]


def test_the_example_of_a_network_in_the_comments_is_valid(loader: Loader) -> None:
    text = (SHIPPED / "accounts.toml").read_text("utf-8")
    example = text.split("in a network of its own:\n")[1].split("\n\n")[0]
    values = tomllib.loads("\n".join(line.removeprefix("# ") for line in example.splitlines()))
    network = loader({"dev.network": values["dev"]["network"]}).account("dev").network
    assert network == settings.NetworkSettings(("subnet-0a1b2c3d", "subnet-4e5f6a7b"), ("sg-8c9d0e1f",))
