"""Which statement of which policy a denied call lacks, as a sentence. Pure.

What the training account grants to the others stands in its policies, one statement for each purpose; the names are
those of `stacks/grants.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

READ_VERSIONS = "DeployersMayReadVersions"
OF_VERSIONS = {
    "sagemaker:CreateModel": "DeployersMayMakeModels",
    "sagemaker:UpdateModelPackage": "DeployersMayRecordAndReject",
}
READ_MODELS, LIST_MODELS, DECRYPT = "DeployersMayReadModels", "DeployersMayListModels", "DeployersMayDecryptModels"

DENIED = re.compile(r"access ?denied|not authorized|Could not access model data", re.IGNORECASE)
WHAT = re.compile(r"User: (?P<who>\S+) is not authorized to perform: (?P<action>[\w:]+)(?: on resource: (?P<on>\S+))?")
MODEL_DATA = re.compile(r"Could not access model data at (?P<on>s3://\S+[^\s.])")
ROLE = re.compile(r"role/([\w+=,@-]+)")
WHOSE = re.compile(r"because no (?P<kind>identity-based policy|permissions boundary|session policy)")
EXPLICIT = re.compile(r"with an explicit deny in (?P<where>[^.;]+)")


@dataclass(frozen=True)
class Sides:
    """Who calls, and the account that grants."""

    role: str
    account: str
    trainer: str


def denied(text: str) -> bool:
    return bool(DENIED.search(text))


def missing_grant(text: str, sides: Sides, *, action: str = "", on: str = "") -> str:
    """The sentence for the text of a denial; `action` and `on` are what was called, if the text does not say it.

    It begins with what is missing: a record of the registry may end before the resource's long name.
    """
    who, action, on, said = _what(text, sides.role, action, on)
    if not action:
        return f"{who} of account {sides.account} lacks a right: {text}"
    what = f"{action} on {on}"
    if explicit := EXPLICIT.search(text):
        return f"an explicit deny in {explicit['where']} keeps {who} of account {sides.account} from {what}"
    own = WHOSE.search(text)
    grants = _grants(action, on, said)
    if own or sides.account == sides.trainer or not grants:
        return f"the {own['kind'] if own else 'own policy'} of {who} in account {sides.account} must allow {what}"
    places = " and ".join(f"statement {sid} of {policy}" for sid, policy in grants)
    return f"{places} in account {sides.trainer} must allow {who} of account {sides.account} {what}"


def _what(text: str, role: str, action: str, on: str) -> tuple[str, str, str, bool]:
    """Role, action and resource, and whether the denial itself names them."""
    if found := WHAT.search(text):
        return _role(found["who"]), found["action"], (found["on"] or on).rstrip(".,"), True
    if found := MODEL_DATA.search(text):
        named = ROLE.search(text)
        return (named[1] if named else role), "s3:GetObject", found["on"], False
    return role, action, on, False


def _role(arn: str) -> str:
    path = arn.partition("role/")[2] or arn
    return path.split("/")[0]


def _grants(action: str, on: str, said: bool) -> list[tuple[str, str]]:
    """S3 may not say that it was the key, or the right to list, that was missing; both are told then."""
    service = action.partition(":")[0]
    if service == "sagemaker":
        group = re.search(r"model-package(?:-group)?/([^/]+)", on)
        sid = OF_VERSIONS.get(action, READ_VERSIONS)
        return [(sid, f"the policy of the model package group {group[1]}")] if group else []
    bucket = re.search(r"(?:arn:[^:]+:s3:::|s3://)([^/]+)", on)
    of_bucket = f"the policy of the bucket {bucket[1]}" if bucket else "the artifact bucket's policy"
    of_key = (DECRYPT, "the policy of the artifacts' key")
    if service == "kms":
        return [of_key]
    if action == "s3:ListBucket":
        return [(LIST_MODELS, of_bucket)]
    if service == "s3":
        return [(READ_MODELS, of_bucket)] if said else [(READ_MODELS, of_bucket), of_key]
    return []
