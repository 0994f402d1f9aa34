"""The never-list: what no role, or one role, may ever do, decided by the synthesized policies."""

from __future__ import annotations

from typing import Any

import pytest

from millrace.local.iam import catalog
from tests.stacks.policy_lab import Question, Roles
from tests.stacks.template_lab import IDS, read_toml

LISTS = read_toml("never.toml")
EVERYONE = LISTS.pop("everyone")["never"]
ELSEWHERE = LISTS.pop("elsewhere")
LISTS.pop("option")  # for tests/stacks/test_deploy_pipeline.py
OTHERS = [name for name in IDS if name != "dev"]


def lines(kind: str) -> list[tuple[str, str, str]]:
    """Account, role and line; the accounts that only serve share their lists, and one may have more."""
    found = [
        (role.split("-")[1], role, line)
        for role, lists in LISTS.items()
        for line in (*lists[kind], *(EVERYONE if kind == "never" and role.startswith("millrace-dev-") else ()))
    ]
    shared = ELSEWHERE["everyone"]["never"] if kind == "never" else []
    return found + [
        (account, f"millrace-{account}-{purpose}", line)
        for account in OTHERS
        for purpose, lists in ELSEWHERE.items()
        if purpose != "everyone"
        for line in (*lists[kind], *shared)
    ]


NEVER, MAY = lines("never"), lines("may")


@pytest.fixture(scope="module")
def roles(assembly: Any, elsewhere: dict[str, Any]) -> dict[str, Roles]:
    """For what must never be: whoever owns what is elsewhere has opened it to everyone."""
    return {"dev": Roles(assembly), **{name: Roles(one, account=name) for name, one in elsewhere.items()}}


@pytest.fixture(scope="module")
def granted(assembly: Any, elsewhere: dict[str, Any]) -> dict[str, Roles]:
    """For what must work: exactly what the training account grants."""
    others = {name: Roles(one, account=name, home=assembly) for name, one in elsewhere.items()}
    return {"dev": Roles(assembly), **others}


def test_every_role_has_a_list(roles: dict[str, Roles]) -> None:
    known = {role for account in roles.values() for role in account.all()}
    assert {role for _, role, _ in NEVER} == known


def test_the_lists_name_actions_that_exist() -> None:
    """A misspelt action is denied whatever the policies say."""
    actions = {line.split()[0] for _, _, line in (*NEVER, *MAY)}
    unknown = []
    for prefix, _, name in (action.partition(":") for action in actions):
        known = catalog.service(prefix).actions
        if known and name.lower() not in known:
            unknown.append(f"{prefix}:{name}")
    assert unknown == []


@pytest.mark.parametrize(("account", "role", "line"), NEVER)
def test_it_is_never_allowed(roles: dict[str, Roles], account: str, role: str, line: str) -> None:
    names = {"home_key": roles["dev"].names["artifact_key"], **roles[account].names}
    decision = roles[account].decide(roles[account].all()[role], Question.read(line, **names))
    assert not decision.allowed, decision


@pytest.mark.parametrize(("account", "role", "line"), MAY)
def test_the_same_evaluation_allows_what_the_role_is_for(
    granted: dict[str, Roles], account: str, role: str, line: str
) -> None:
    names = {"home_key": granted["dev"].names["artifact_key"], **granted[account].names}
    decision = granted[account].decide(granted[account].all()[role], Question.read(line, **names))
    assert decision.allowed, decision
