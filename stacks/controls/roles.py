"""Who may do what: boundary, policies of our own, named actions, one service per passed role, limited trust."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stacks.controls.templates import Resource, Templates, listed
from stacks.controls.violation import Violation

SAYS_FOR_WHOM = (
    *("cloudwatch.amazonaws.com", "events.amazonaws.com", "logging.s3.amazonaws.com"),
    *("sagemaker.amazonaws.com", "scheduler.amazonaws.com"),
)
"""The services that are documented to say for which account or resource they act."""
SOURCES = {"aws:sourceaccount", "aws:sourcearn"}
WITH_PRINCIPALS = {
    "AWS::Events::EventBusPolicy": "Statement",
    "AWS::IAM::Role": "AssumeRolePolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SageMaker::ModelPackageGroup": "ModelPackageGroupPolicy",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
}
BOUNDARY = "-boundary"
LARGEST_POLICY, MOST_POLICIES = 6_144, 10
INLINE = ("AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy")


def roles_have_the_boundary(templates: Templates) -> Iterator[Violation]:
    own = {policy.arn for policy, _ in templates.policies() if policy.arn.endswith(BOUNDARY)}
    for role in templates.resources("AWS::IAM::Role", "AWS::IAM::User"):
        if role.properties.get("PermissionsBoundary") not in own:
            yield _violation(
                role,
                "role-boundary",
                f"its permissions boundary is {role.properties.get('PermissionsBoundary')!r}, not the one made here",
                why="without the boundary a mistake in the role's policy has no limit",
                change="make the role inside of AccountStage, which puts stacks/boundary.py on every role",
            )


def policies_are_our_own(templates: Templates) -> Iterator[Violation]:
    own = {policy.arn for policy, _ in templates.policies()}
    for resource in templates.resources(*INLINE):
        yield _inline(resource)
    for role in templates.resources("AWS::IAM::Role"):
        if role.properties.get("Policies"):
            yield _inline(role)
        for arn in role.properties.get("ManagedPolicyArns", ()):
            if arn not in own:
                yield _violation(
                    role,
                    "policy-own",
                    f"the policy {arn} is attached, which is not made here",
                    why="AWS changes its managed policies without asking, and they allow more than one role needs",
                    change="write the statements out beside the resource: stacks/service_role.py makes the policy",
                )


def actions_are_named(templates: Templates) -> Iterator[Violation]:
    """No wildcard in what is allowed; a denial may be as wide as it likes."""
    for resource, document in _documents(templates):
        for statement in document["Statement"]:
            wild = [action for action in listed(statement.get("Action", [])) if "*" in action or "?" in action]
            if statement["Effect"] == "Allow" and (wild or "NotAction" in statement):
                yield _violation(
                    resource,
                    "policy-actions-named",
                    f"a statement allows {', '.join(wild) or 'all but its NotAction'}",
                    why="a wildcard also allows the actions that AWS adds later, and nobody can see what is used",
                    change="name each action; `millrace audit` shows which ones a role uses",
                )


def policies_fit(templates: Templates) -> Iterator[Violation]:
    """IAM counts all characters but white space, and refuses a larger policy only when it is deployed."""
    for policy, document in templates.policies():
        size = len(re.sub(r"\s", "", json.dumps(document, separators=(",", ":"), ensure_ascii=False)))
        if size > LARGEST_POLICY:
            yield _violation(
                policy,
                "policy-size",
                f"its document has {size:,} characters, more than {LARGEST_POLICY:,}",
                why="IAM takes no larger managed policy; those that name each model grow with their number",
                change="deploy fewer models in one account, or give the statement a pattern that all its models match",
            )
    for role in templates.resources("AWS::IAM::Role"):
        count = len(role.properties.get("ManagedPolicyArns", ()))
        if count > MOST_POLICIES:
            yield _violation(
                role,
                "policy-size",
                f"it has {count} policies, more than {MOST_POLICIES}",
                why="IAM attaches no more to a role; stacks/service_role.py makes another one when one is full",
                change="deploy fewer models in one account, or give the statements a pattern that all its models match",
            )


def roles_are_passed_to_one_service(templates: Templates) -> Iterator[Violation]:
    for policy, document in templates.policies():
        for statement in document["Statement"]:
            passing = "iam:PassRole" in listed(statement.get("Action", [])) and statement["Effect"] == "Allow"
            to = statement.get("Condition", {}).get("StringEquals", {}).get("iam:PassedToService")
            if passing and (not to or "*" in listed(statement["Resource"])):
                yield _violation(
                    policy,
                    "passrole-limited",
                    "iam:PassRole is allowed for any role, or to any service",
                    why="whoever passes a role to a service of their choice has all rights of that role",
                    change="use pass_role(role_arn, to=...) of stacks/permissions.py",
                )


def services_are_trusted_for_this_account_only(templates: Templates) -> Iterator[Violation]:
    for resource, statement in _statements_with_principals(templates):
        principal = statement.get("Principal", {})
        services = listed(principal.get("Service", [])) if isinstance(principal, Mapping) else []
        keys = {key.lower() for test in statement.get("Condition", {}).values() for key in test}
        open_to = [service for service in services if service in SAYS_FOR_WHOM and not keys & SOURCES]
        if open_to and statement["Effect"] == "Allow":
            yield _violation(
                resource,
                "trust-limited",
                f"{', '.join(open_to)} is trusted whoever it acts for",
                why="another account could make the service act here for it (the confused deputy)",
                change="add aws:SourceArn or aws:SourceAccount: `acting_for` of stacks/service_role.py does",
            )


def nobody_is_everybody(templates: Templates) -> Iterator[Violation]:
    """Another account is let in only as a whole with the exact roles as a condition: they need not exist yet."""
    accounts = {template.path: template.account for template in templates.templates}
    for resource, statement in _statements_with_principals(templates):
        named = statement.get("Principal", {})
        principals = listed(named.get("AWS", [])) if isinstance(named, Mapping) else [named]
        own, roles = accounts[resource.template], _only_roles(statement)
        open_to = [str(one) for one in principals if one == "*" or not (_is_of(own, one) or _limited(one, roles))]
        if statement["Effect"] == "Allow" and open_to:
            yield _violation(
                resource,
                "principals-own",
                f"a statement allows {', '.join(open_to)}",
                why="what holds data must not be open to everyone, nor to an account nobody decided to trust",
                change="name a role of this account, a service with a condition, or another account's root with "
                "ArnEquals aws:PrincipalArn and exact roles, as stacks/grants.py does",
            )


def _statements_with_principals(templates: Templates) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    for resource, document in _resource_policies(templates):
        for statement in listed(document["Statement"]):
            yield resource, statement


def _only_roles(statement: Mapping[str, Any]) -> list[str]:
    """The exact roles that the statement is for, if it says so."""
    tests = statement.get("Condition", {}).get("ArnEquals", {})
    return [str(arn) for key, arns in tests.items() if key.lower() == "aws:principalarn" for arn in listed(arns)]


def _is_of(account: str, principal: Any) -> bool:
    """Whether the principal is of this account, or names none."""
    found = re.search(r":(\d{12})(?::|$)|^(\d{12})$", str(principal))
    return found is None or account in found.groups()


def _limited(principal: Any, roles: Sequence[str]) -> bool:
    """Whether only named roles of that account, and none by a pattern, may use what the account was given."""
    account = str(principal).removesuffix(":root")
    of_account = [role for role in roles if role.startswith(f"{account}:role/")]
    exact = not [role for role in roles if set("*?") & set(role)]
    return str(principal).endswith(":root") and bool(of_account) and exact


def _documents(templates: Templates) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    yield from templates.policies()
    yield from _resource_policies(templates)


def _resource_policies(templates: Templates) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    for resource in templates.resources(*WITH_PRINCIPALS):
        document = resource.properties.get(WITH_PRINCIPALS[resource.type])
        if document:  # a bus's policy is one statement
            yield resource, document if "Statement" in document else {"Statement": [document]}


def _inline(resource: Resource) -> Violation:
    return _violation(
        resource,
        "policy-own",
        "it holds an inline policy",
        why="inline policies are seen in no list and cannot be shared, versioned or checked on their own",
        change="give the statements to ServiceRole, which makes a customer-managed policy",
    )


def _violation(resource: Resource, control: str, what: str, *, why: str, change: str) -> Violation:
    return Violation(control, resource.template, resource.logical_id, what, why, change)
