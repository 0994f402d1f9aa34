"""What a role may do to a version in the registry: mark it Rejected and add records, nothing else.

Registration writes what a version is made of, and people approve it: neither is any role's to change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

REGISTERED = (
    *("outcome", "sentence", "metric", "value", "interval", "threshold", "champion"),
    *("model_sha256", "manifest_uri", "manifest_sha256", "code_digest", "image", "run"),
    *("report_uri", "verdict_uri", "input_uri", "correlation_id"),
)
"""The metadata that registration writes (`pipeline_code/definition_register.py`)."""
STATUS, STAGE = "sagemaker:ModelApprovalStatus", "sagemaker:ModelLifeCycle:Stage"
METADATA = "sagemaker:CustomerMetadataProperties"


def smoke_record(account: str) -> str:
    """The record of an account's smoke test, which lets a version into the accounts after it."""
    return f"{account}_smoke"


def only_back_or_records(never: Sequence[str] = ()) -> Mapping[str, Mapping[str, Any]]:
    """The condition of sagemaker:UpdateModelPackage: no status or Rejected, no stage, none of what was registered.

    `never` are records that are another role's to write.
    """
    absent = [*(f"{METADATA}/{name}" for name in (*REGISTERED, *never)), f"{METADATA}ToRemove", STAGE]
    return {"StringEqualsIfExists": {STATUS: "Rejected"}, "Null": dict.fromkeys(absent, "true")}
