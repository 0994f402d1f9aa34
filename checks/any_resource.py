"""Allow statements on every resource: few, and each with its reason in accepted.toml.

In the policy of a KMS key "*" means that key, so key policies are not counted.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from checks.finding import Finding
from stacks.controls.templates import Templates, listed

MOST_STATEMENTS = 5
WITH_POLICIES = {
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
}


def read_reasons(text: str) -> dict[str, str]:
    """The reason for each policy's statement, by `<policy>: <actions>`."""
    entries = tomllib.loads(text).get("any_resource", [])
    return {f"{entry['policy']}: {', '.join(sorted(entry['actions']))}": entry["reason"] for entry in entries}


def statements(templates: Templates) -> list[str]:
    """`<policy>: <actions>` of each statement that allows something on every resource."""
    return [
        f"{name}: {', '.join(sorted(listed(statement.get('Action', statement.get('NotAction')))))}"
        for name, document in _documents(templates)
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        and ("*" in listed(statement.get("Resource", [])) or "NotResource" in statement)
    ]


def check(templates: Templates, reasons: Mapping[str, str]) -> Iterator[Finding]:
    found = statements(templates)
    for statement in found:
        if not any(reason and fnmatchcase(statement, pattern) for pattern, reason in reasons.items()):
            yield _finding(
                statement,
                "the statement allows its actions on every resource, and no reason is written",
                "write the resources out, or the reason into checks/accepted.toml ([[any_resource]])",
            )
    for pattern in reasons:
        if not any(fnmatchcase(statement, pattern) for statement in found):
            yield _finding(pattern, "no such statement exists any more", "remove it from checks/accepted.toml")
    for account, held in _by_account(templates).items():
        if len(held) > MOST_STATEMENTS:
            yield _finding(
                f"{len(held)} statements",
                f"more than {MOST_STATEMENTS} statements of account {account} allow something on every resource: "
                f"{'; '.join(held)}",
                "share a policy between roles (stacks/access.py), or write the resources out",
            )


def _by_account(templates: Templates) -> dict[str, list[str]]:
    accounts = sorted({template.account for template in templates.templates})
    return {
        account: statements(Templates(tuple(one for one in templates.templates if one.account == account)))
        for account in accounts
    }


def _finding(resource: str, what: str, change: str) -> Finding:
    why = "such a statement reaches what other systems in the account own"
    return Finding("millrace", "any-resource", resource, what, why, change)


def _documents(templates: Templates) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for policy, document in templates.policies():
        yield policy.properties["ManagedPolicyName"], document
    for resource in templates.resources(*WITH_POLICIES):
        yield resource.logical_id, resource.properties[WITH_POLICIES[resource.type]]
