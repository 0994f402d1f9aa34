"""What SageMaker knows of a model's endpoint and versions. Used by `resolve.py`.

What does not exist is None; a call that is refused or fails for another reason is raised.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from resolve_champion.settings import ChampionSettings

IN_SERVICE = ("InService", "Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed")
"""The states in which an endpoint answers. While it is updated, Describe names the configuration from before."""
NEWEST = 10
"""How many approved versions are looked at until one is usable."""

_MISSING = re.compile(r"(could|can) ?not find|not found|does not exist", re.IGNORECASE)
_MISSING_CODES = ("ValidationException", "ResourceNotFound", "ResourceNotFoundException")
_ARN = re.compile(r"arn:[^:]+:sagemaker:[^:]+:\d{12}:model-package/(?P<group>[^/]+)/(?P<number>\d+)")


@dataclass(frozen=True)
class Version:
    """A version in the registry, and where its archive lies."""

    name: str
    model_uri: str


@dataclass(frozen=True)
class Registry:
    """The clients, and the bucket whose models jobs may read."""

    sagemaker: Any
    s3: Any
    settings: ChampionSettings

    def endpoint(self, name: str) -> Mapping[str, Any] | None:
        return _found(self.sagemaker.describe_endpoint, EndpointName=name)

    def served_package(self, config_name: str) -> str | None:
        """The ARN of the version that most requests go to under an endpoint's configuration."""
        config = _found(self.sagemaker.describe_endpoint_config, EndpointConfigName=config_name)
        variants = sorted((config or {}).get("ProductionVariants", ()), key=lambda v: -v.get("InitialVariantWeight", 1))
        if not variants or "ModelName" not in variants[0]:
            return None
        model = _found(self.sagemaker.describe_model, ModelName=variants[0]["ModelName"]) or {}
        containers = [model["PrimaryContainer"]] if "PrimaryContainer" in model else model.get("Containers", ())
        packages = [container.get("ModelPackageName") for container in containers]
        return packages[0] if packages else None

    def approved_packages(self, group: str) -> list[str]:
        """The ARNs of the newest approved versions, the newest first."""
        packages = self.sagemaker.list_model_packages(
            ModelPackageGroupName=group,
            ModelApprovalStatus="Approved",
            SortBy="CreationTime",
            SortOrder="Descending",
            MaxResults=NEWEST,
        )["ModelPackageSummaryList"]
        return [package["ModelPackageArn"] for package in packages]

    def version(self, group: str, package_arn: str) -> Version | None:
        """None if the version was deleted, belongs to another model, or its archive is not there any more."""
        arn = _ARN.fullmatch(package_arn)
        if not arn or arn["group"] != group:
            return None
        package = _found(self.sagemaker.describe_model_package, ModelPackageName=package_arn) or {}
        containers = package.get("InferenceSpecification", {}).get("Containers", ())
        uri = containers[0].get("ModelDataUrl", "") if containers else ""
        return Version(f"{group}/{arn['number']}", uri) if self._is_there(uri) else None

    def _is_there(self, uri: str) -> bool:
        """Asked by listing: the function may read no model. Jobs could read none of another bucket."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or bucket != self.settings.artifact_bucket or not key:
            return False
        listed = self.s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", ())
        return any(entry["Key"] == key for entry in listed)


def _found(describe: Callable[..., Mapping[str, Any]], **names: str) -> Mapping[str, Any] | None:
    try:
        return describe(**names)
    except ClientError as error:
        told = error.response["Error"]
        if told.get("Code") in _MISSING_CODES and _MISSING.search(str(told.get("Message", ""))):
            return None
        raise
