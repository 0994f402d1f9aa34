"""Policies are checked when they are set: their grammar, and that the principals they name exist.

S3, SQS, SNS, KMS, Lambda, ECR, Secrets Manager and IAM's trust policies refuse principals that do not exist, each
with its own error. Any 12 digits are an account here. Called by the gate once the request itself is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from millrace.local import wire
from millrace.local.iam import documents, moto_principals
from millrace.local.iam.documents import Kind, PolicyError
from millrace.local.iam.needs import Place
from millrace.local.service import ServiceError

ACCOUNT = re.compile(r"\d{12}")
ROOT = re.compile(r"arn:aws[\w-]*:iam::\d{12}:root")
ENTITY = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):(role|user)/(?:.*/)?([\w+=,.@-]+)")
SESSION = re.compile(r"arn:aws[\w-]*:sts::(\d{12}):assumed-role/([\w+=,.@-]+)/.+")
SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?")
UNIQUE_ID = re.compile(r"A(ROA|IDA)[A-Z0-9]+")
TRUST: Kind = "trust"


class Rule:
    """Where an operation has a policy, and the error of the service for principals that do not exist."""

    def __init__(self, member: str, code: str, message: str, *, kind: Kind = "resource", status: int = 400) -> None:
        self.member = member
        self.code = code
        self.message = message
        self.kind = kind
        self.status = status


IAM_MALFORMED = "MalformedPolicyDocument"
_KMS = Rule(
    "Policy", "MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals."
)
_SQS = Rule("Attributes.Policy", "InvalidAttributeValue", "Invalid value for the parameter Policy.")
_SNS = Rule("Attributes.Policy", "InvalidParameter", "Invalid parameter: Policy Error: PrincipalNotFound")
_TRUST = Rule("AssumeRolePolicyDocument", IAM_MALFORMED, "Invalid principal in policy.", kind=TRUST)
_IDENTITY = Rule("PolicyDocument", IAM_MALFORMED, "The policy is malformed.", kind="identity")

RULES: Mapping[tuple[str, str], Rule] = {
    ("s3", "PutBucketPolicy"): Rule("Policy", "MalformedPolicy", "Invalid principal in policy"),
    ("kms", "CreateKey"): _KMS,
    ("kms", "PutKeyPolicy"): _KMS,
    ("sqs", "CreateQueue"): _SQS,
    ("sqs", "SetQueueAttributes"): _SQS,
    ("sns", "CreateTopic"): _SNS,
    ("sns", "SetTopicAttributes"): _SNS,
    ("secretsmanager", "PutResourcePolicy"): Rule(
        "ResourcePolicy",
        "MalformedPolicyDocumentException",
        "This resource policy contains an unsupported principal.",
    ),
    ("ecr", "SetRepositoryPolicy"): Rule(
        "policyText",
        "InvalidParameterException",
        "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'",
    ),
    ("iam", "CreateRole"): _TRUST,
    ("iam", "UpdateAssumeRolePolicy"): Rule(
        "PolicyDocument", IAM_MALFORMED, "Invalid principal in policy.", kind=TRUST
    ),
    **{("iam", f"Put{kind}Policy"): _IDENTITY for kind in ("Role", "User", "Group")},
    ("iam", "CreatePolicy"): _IDENTITY,
    ("sts", "AssumeRole"): Rule("Policy", IAM_MALFORMED, "The session policy is malformed.", kind="identity"),
    ("iam", "CreatePolicyVersion"): _IDENTITY,
    ("sagemaker", "PutModelPackageGroupPolicy"): Rule(
        "ResourcePolicy", "ValidationException", "Invalid principal in the resource policy."
    ),
}


def check(operation: wire.Operation, place: Place) -> None:
    """Refuse a policy that its service would not take."""
    if (operation.service, operation.name) == ("lambda", "AddPermission"):
        _check_permission(operation.params)
        return
    if operation.service == "sts" and operation.params.get("PolicyArns"):
        raise ServiceError("ValidationError", "PolicyArns is not supported by the embedded AWS: give Policy instead")
    rule = RULES.get((operation.service, operation.name))
    text = _text(operation.params, rule) if rule else None
    if rule is None or not text:
        return
    try:
        document = documents.parse(text)
        documents.compile_document(document, rule.kind)
    except PolicyError as error:
        raise ServiceError(rule.code, f"{rule.message if rule is _SQS else 'Malformed policy:'} {error}") from error
    unknown = [name for name in principals(document) if not exists(name)]
    if unknown:
        named = ", ".join(f'"{kind}":"{name}"' for kind, name in unknown)
        raise ServiceError(rule.code, f"{rule.message} ({named})", status=rule.status)


def _text(params: Mapping[str, Any], rule: Rule) -> str | None:
    head, _, rest = rule.member.partition(".")
    value = params.get(head)
    if rest:
        value = (value or {}).get(rest)
        if params.get("AttributeName") == rest:
            value = params.get("AttributeValue")
    if isinstance(value, bytes):
        return value.decode()
    return value if isinstance(value, str) else None


def principals(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Kind and name of every principal of a document."""
    raw = document.get("Statement") or []
    for statement in raw if isinstance(raw, list) else [raw]:
        for element in ("Principal", "NotPrincipal"):
            named = statement.get(element)
            if isinstance(named, Mapping):
                for kind, names in named.items():
                    yield from ((kind, name) for name in (names if isinstance(names, list) else [names]))


def exists(principal: tuple[str, str]) -> bool:
    kind, name = principal
    if kind == "Service":
        return bool(SERVICE.fullmatch(name))
    if kind != "AWS" or name == "*" or ACCOUNT.fullmatch(name) or ROOT.fullmatch(name) or UNIQUE_ID.fullmatch(name):
        return True
    if found := ENTITY.fullmatch(name):
        return moto_principals.entity_arn(found[1], found[2], found[3]) == name
    if found := SESSION.fullmatch(name):
        return moto_principals.entity_arn(found[1], "role", found[2]) is not None
    return False


def _check_permission(params: Mapping[str, Any]) -> None:
    name = str(params.get("Principal") or "")
    kind = "Service" if "." in name and not name.startswith("arn:") else "AWS"
    if name and not exists((kind, name)):
        raise ServiceError(
            "InvalidParameterValueException",
            f"The provided principal was invalid. Please check the principal and try again. ({name})",
        )
