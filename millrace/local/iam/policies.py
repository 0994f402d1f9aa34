"""The policy of a resource itself, by its ARN, and who owns the resource. Called by the gate.

The texts live where their service keeps them: moto's state, and our own SageMaker's store for package groups.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from millrace.local.iam import documents, moto_policies, moto_principals, moto_s3
from millrace.local.iam.needs import account_of
from millrace.local.iam.records import Policy
from millrace.local.images import aws_accounts

PolicyText = Callable[[str], str]

BY_SERVICE: Mapping[str, PolicyText] = {
    "ecr": lambda arn: repository_policy(arn),
    "events": lambda arn: moto_policies.bus_policy(bus_of(arn)),
    "kms": moto_policies.key_policy,
    "lambda": moto_policies.function_policy,
    "logs": moto_policies.logs_policy,
    "s3": moto_s3.bucket_policy,
    "secretsmanager": moto_policies.secret_policy,
    "sns": moto_policies.topic_policy,
    "sqs": moto_policies.queue_policy,
}
PULL_BY_EVERYONE = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            }
        ],
    }
)
KINDS = {
    "ecr": "repository/",
    "events": "",
    "kms": "key/",
    "lambda": "function:",
    "logs": "log-group:",
    "s3": "",
    "secretsmanager": "secret:",
    "sns": "",
    "sqs": "",
}
ASSUME = (
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:TagSession",
    "sts:SetSourceIdentity",
)


class ResourcePolicies:
    """Finds resource policies; `packages` gives the policy text of a model package group's ARN."""

    def __init__(self, packages: PolicyText) -> None:
        self._packages = packages

    def of(self, action: str, arn: str) -> Policy | None:
        """The policy that has a say in `action` on the resource; None when it has none."""
        parts = arn.split(":", 5)
        if len(parts) < 6:
            return None
        service, rest = parts[2], parts[5]
        if action in ASSUME:
            text, name = moto_principals.trust_policy(arn), f"the trust policy of {arn}"
        elif service == "sagemaker" and rest.startswith("model-package"):
            group = group_arn(arn)
            text, name = self._packages(group), group
        elif service in BY_SERVICE and rest.startswith(KINDS[service]):
            text, name = BY_SERVICE[service](arn), owner_name(service, arn)
        else:
            return None
        return Policy(name, documents.parse(text)) if text else None


def repository_policy(arn: str) -> str:
    """AWS's own image repositories are open to everyone, and not in anybody's state."""
    return PULL_BY_EVERYONE if account_of(arn) in aws_accounts() else moto_policies.repository_policy(arn)


def owner_name(service: str, arn: str) -> str:
    """The resource that carries the policy: an object's is its bucket's, a rule's its bus's."""
    if service == "s3":
        return arn.split("/", 1)[0]
    return bus_of(arn) if service == "events" else arn


def bus_of(arn: str) -> str:
    """The bus of a rule's ARN, or the bus itself."""
    head, _, rest = arn.rpartition(":")
    kind, _, name = rest.partition("/")
    if kind != "rule":
        return arn
    bus = name.rsplit("/", 1)[0] if "/" in name else "default"
    return f"{head}:event-bus/{bus}"


def group_arn(arn: str) -> str:
    """The package group of a package's ARN (`...:model-package/<group>/<version>`)."""
    head, _, rest = arn.rpartition(":")
    return f"{head}:model-package-group/{rest.split('/')[1]}"


def owner_of(arn: str, caller_account: str) -> str:
    """The account that owns the resource; that of the caller where the ARN names none and nothing exists yet."""
    if arn.startswith("arn:aws:s3:::"):
        return moto_s3.bucket_owner(arn[13:].split("/", 1)[0]) or caller_account
    return account_of(arn) or caller_account
