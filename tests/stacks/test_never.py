"""The never-list: what no role, or one role, may ever do, decided by the synthesized policies."""

from __future__ import annotations

from typing import Any

import pytest

from millrace.local.iam import catalog
from tests.stacks.policy_lab import Question, Roles
from tests.stacks.template_lab import read_toml

LISTS = read_toml("never.toml")
EVERYONE = LISTS.pop("everyone")["never"]
NEVER = [(role, line) for role, lists in LISTS.items() for line in (*lists["never"], *EVERYONE)]
MAY = [(role, line) for role, lists in LISTS.items() for line in lists["may"]]


@pytest.fixture(scope="module")
def roles(assembly: Any) -> Roles:
    return Roles(assembly)


def test_every_role_has_a_list(roles: Roles) -> None:
    assert set(LISTS) == set(roles.all())


def test_the_lists_name_actions_that_exist() -> None:
    """A misspelt action is denied whatever the policies say."""
    actions = {line.split()[0] for _, line in (*NEVER, *MAY)}
    unknown = []
    for prefix, _, name in (action.partition(":") for action in actions):
        known = catalog.service(prefix).actions
        if known and name.lower() not in known:
            unknown.append(f"{prefix}:{name}")
    assert unknown == []


@pytest.mark.parametrize(("role", "line"), NEVER)
def test_it_is_never_allowed(roles: Roles, role: str, line: str) -> None:
    decision = roles.decide(roles.all()[role], Question.read(line, key=roles.key))
    assert not decision.allowed, decision


@pytest.mark.parametrize(("role", "line"), MAY)
def test_the_same_evaluation_allows_what_the_role_is_for(roles: Roles, role: str, line: str) -> None:
    decision = roles.decide(roles.all()[role], Question.read(line, key=roles.key))
    assert decision.allowed, decision
