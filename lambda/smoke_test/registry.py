"""The model registry of the training account, as the test sees it. Used by `test.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from shared.records import news

LONGEST_DESCRIPTION = 1024
_MISSING = re.compile(r"(could|can) ?not find|not found|does not exist", re.IGNORECASE)


@dataclass(frozen=True)
class Version:
    """What the registry says of a version."""

    arn: str
    approved: bool
    records: Mapping[str, str]
    sha256: str
    uri: str

    @property
    def name(self) -> str:
        """`<model>/<number>`, as the endpoint tells it."""
        return "/".join(self.arn.split("/")[-2:])


def read_version(sagemaker: Any, arn: str) -> Version | None:
    """None if it was deleted."""
    try:
        package = sagemaker.describe_model_package(ModelPackageName=arn)
    except ClientError as error:
        if _MISSING.search(str(error.response["Error"].get("Message", ""))):
            return None
        raise
    records = package.get("CustomerMetadataProperties") or {}
    containers = (package.get("InferenceSpecification") or {}).get("Containers") or [{}]
    return Version(
        arn,
        approved=package.get("ModelApprovalStatus") == "Approved",
        records=records,
        sha256=records.get("model_sha256", ""),
        uri=str(containers[0].get("ModelDataUrl", "")),
    )


def tell(sagemaker: Any, version: Version, records: Mapping[str, str], *, rejected: str = "") -> None:
    """Write what is new; with a reason the version is rejected, unless somebody did that already."""
    new = news(version.records, records)
    if rejected and version.approved:
        sagemaker.update_model_package(
            ModelPackageArn=version.arn,
            ModelApprovalStatus="Rejected",
            ApprovalDescription=rejected[:LONGEST_DESCRIPTION],
            **({"CustomerMetadataProperties": new} if new else {}),
        )
    elif new:
        sagemaker.update_model_package(ModelPackageArn=version.arn, CustomerMetadataProperties=new)
