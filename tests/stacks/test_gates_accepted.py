"""The decisions to accept findings: what they cover, when they end, and that none is left over."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from checks import any_resource
from checks.accepted import FILE, MOST_DECISIONS, AcceptedError, Decision, judge, matches, read_decisions
from checks.finding import Finding
from tests.stacks.template_lab import Lab

TODAY = date(2027, 1, 15)
DECISION = """
[[decision]]
name = "no VPC"
controls = ["VPC"]
resources = ["*/Function/Resource"]
reason = "they need none"
owner = "platform"
expires = 2027-06-30
"""


def finding(control: str = "VPC", resource: str = "Dev/Trigger/Function/Resource") -> Finding:
    return Finding("a tool", control, resource, what="outside", why="it matters", change="move it")


def decision(**changes: Any) -> Decision:
    (read,) = read_decisions(DECISION)
    return Decision(**{**vars(read), **changes})


def test_a_decision_covers_findings_of_its_controls_on_its_resources() -> None:
    judged = judge([finding(), finding("TLS"), finding(resource="Dev/Data/Raw")], [decision()], today=TODAY)
    assert judged.covered == 1
    assert judged.open == (finding("TLS"), finding(resource="Dev/Data/Raw"))
    assert judged.complaints == ()


def test_a_decision_that_has_ended_covers_nothing_and_is_named() -> None:
    judged = judge([finding()], [decision(expires=date(2027, 1, 14))], today=TODAY)
    assert judged.open == (finding(),)
    (complaint,) = judged.complaints
    assert "'no VPC' of platform ended on 2027-01-14" in complaint
    assert "why:" in complaint
    assert "change:" in complaint


@pytest.mark.parametrize("changes", [{"controls": ("VPC", "Gone")}, {"resources": ("*/Resource", "*/Gone/*")}])
def test_each_control_and_each_pattern_must_cover_something(changes: dict[str, Any]) -> None:
    (complaint,) = judge([finding()], [decision(**changes)], today=TODAY).complaints
    assert "covers nothing with" in complaint
    assert "Gone" in complaint


def test_only_the_asterisk_is_special_in_a_pattern() -> None:
    assert matches("Dev/Role[Resource::a/*]", "*[Resource::a/*]")
    assert not matches("Dev/Role[Resource::b]", "*[Resource::[ab]]")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (DECISION.replace('owner = "platform"', ""), "no VPC: owner must be given"),
        (DECISION.replace("2027-06-30", '"soon"'), "no VPC: expires must be given"),
        (DECISION.replace("owner", "boss"), "no VPC: boss is unknown"),
        (DECISION.replace("*/Function/Resource", "*"), "would cover everything"),
        (DECISION * (MOST_DECISIONS + 1), f"{MOST_DECISIONS + 1} decisions, at most {MOST_DECISIONS}"),
    ],
)
def test_a_mistake_in_the_file_is_told(text: str, told: str) -> None:
    with pytest.raises(AcceptedError, match=told):
        read_decisions(text)


def test_a_finding_says_what_why_and_what_to_change() -> None:
    assert str(finding()).splitlines() == [
        "VPC (a tool)  Dev/Trigger/Function/Resource",
        "  what:   outside",
        "  why:    it matters",
        "  change: move it",
    ]


def everywhere(assembly: Any, elsewhere: dict[str, Any]) -> Any:
    """All accounts, as `make gates` looks at them."""
    templates = {name: body for one in (assembly, *elsewhere.values()) for name, body in one.templates.items()}
    return replace(assembly, templates=templates)


def test_few_statements_reach_every_resource_and_each_has_its_reason(assembly: Any, elsewhere: dict[str, Any]) -> None:
    templates = Lab(everywhere(assembly, elsewhere)).templates()
    assert list(any_resource.check(templates, any_resource.read_reasons(FILE.read_text()))) == []


def test_a_statement_on_every_resource_without_a_reason_is_found(assembly: Any) -> None:
    lab = Lab(assembly)
    lab.statements("AWS::IAM::ManagedPolicy", "JobRole").append(
        {"Effect": "Allow", "Action": ["s3:ListAllMyBuckets"], "Resource": "*"}
    )
    reasons = any_resource.read_reasons(FILE.read_text())
    found = next(iter(any_resource.check(lab.templates(), reasons)))
    assert found.resource == "millrace-dev-job: s3:ListAllMyBuckets"
    assert "no reason is written" in found.what


def test_a_sixth_statement_on_every_resource_of_an_account_is_one_too_many(
    assembly: Any, elsewhere: dict[str, Any]
) -> None:
    lab = Lab(everywhere(assembly, elsewhere))
    reasons = any_resource.read_reasons(FILE.read_text())
    lab.statements("AWS::IAM::ManagedPolicy", "JobRole").append(
        {"Effect": "Allow", "Action": ["s3:ListAllMyBuckets"], "Resource": "*"}
    )
    reasons["millrace-dev-job: s3:ListAllMyBuckets"] = "a test"
    (found,) = any_resource.check(lab.templates(), reasons)
    assert "more than 5 statements of account 111111111111" in found.what


def test_a_reason_without_a_statement_is_left_over(assembly: Any, elsewhere: dict[str, Any]) -> None:
    reasons = {**any_resource.read_reasons(FILE.read_text()), "millrace-dev-job: s3:Gone": "a test"}
    (found,) = any_resource.check(Lab(everywhere(assembly, elsewhere)).templates(), reasons)
    assert found.resource == "millrace-dev-job: s3:Gone"
