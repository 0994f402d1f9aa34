"""Every decision of the golden table is the one that AWS documents."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from millrace.local.iam.evaluator import decide
from millrace.local.iam.records import AccessRequest, Policies, Policy, Principal

TABLE: dict[str, Any] = json.loads((Path(__file__).parent / "iam_golden.json").read_text("utf-8"))
ELEMENTS = {"name", "principal", "action", "resource", "owner", "context", "policies", "allowed", "reason", "source"}


@cache
def policy(name: str) -> Policy:
    return Policy(name, TABLE["policies"][name])


def policies_of(case: dict[str, Any]) -> Policies:
    given = case["policies"]
    return Policies(
        identity=tuple(policy(name) for name in given.get("identity", ())),
        boundary=policy(given["boundary"]) if "boundary" in given else None,
        session=tuple(policy(name) for name in given.get("session", ())),
        resource=policy(given["resource"]) if "resource" in given else None,
    )


def request_of(case: dict[str, Any]) -> AccessRequest:
    return AccessRequest(
        principal=Principal(**TABLE["principals"][case["principal"]]),
        action=case["action"],
        resource=case["resource"],
        resource_account=case["owner"],
        context={key: tuple(values) for key, values in case.get("context", {}).items()},
    )


@pytest.mark.parametrize("case", TABLE["decisions"], ids=lambda case: case["name"])
def test_the_decision_is_the_documented_one(case: dict[str, Any]) -> None:
    decision = decide(request_of(case), policies_of(case))

    assert (decision.allowed, decision.reason) == (case["allowed"], case["reason"]), case["source"]


def test_the_table_is_large_and_every_decision_names_its_source() -> None:
    decisions = TABLE["decisions"]

    assert len(decisions) >= 150
    assert len({case["name"] for case in decisions}) == len(decisions)
    assert all(set(case) <= ELEMENTS and case["source"].count(": ") >= 1 for case in decisions)


def test_every_policy_and_principal_of_the_table_is_used() -> None:
    used = {
        name
        for case in TABLE["decisions"]
        for given in case["policies"].values()
        for name in (given if isinstance(given, list) else [given])
    }

    assert used == set(TABLE["policies"])
    assert {case["principal"] for case in TABLE["decisions"]} == set(TABLE["principals"])


def test_every_reason_occurs() -> None:
    assert {case["reason"] for case in TABLE["decisions"]} == {
        "allowed",
        "explicit-deny",
        "no-allow-identity",
        "no-allow-resource",
        "no-allow-boundary",
        "no-allow-session",
        "no-allow-trust",
        "no-allow-key-policy",
    }
