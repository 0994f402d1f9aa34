"""The model registry of the training account, and the models it names. Used by `deploy.py`.

What does not exist is None; a denied call becomes a sentence that names the statement that is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from shared.grants import Sides, denied, missing_grant
from shared.records import news

from deploy_model.check import check_version
from deploy_model.errors import GrantError
from deploy_model.messages import stage_approved, toucher
from deploy_model.plan import Version, Write
from deploy_model.settings import APPROVAL, DeploySettings

LONGEST_DESCRIPTION = 1024
PAGE = 100
_MISSING = re.compile(r"(could|can) ?not find|not found|does not exist", re.IGNORECASE)


@dataclass(frozen=True)
class Registry:
    """The versions of one model, as this account may see and mark them."""

    sagemaker: Any
    s3: Any
    settings: DeploySettings
    model: str

    def approved(self) -> Iterator[str]:
        """The ARNs of the versions that are approved for this account, the newest first."""
        request: dict[str, Any] = {
            "ModelPackageGroupName": self.settings.groups[self.model],
            "ModelApprovalStatus": "Approved",
            "SortBy": "CreationTime",
            "SortOrder": "Descending",
            "MaxResults": PAGE,
        }
        while True:
            page = self._page(request)
            for summary in page["ModelPackageSummaryList"]:
                if self.settings.deploys_on == APPROVAL or stage_approved(
                    summary.get("ModelLifeCycle"), self.settings.deploys_on
                ):
                    yield summary["ModelPackageArn"]
            if "NextToken" not in page:
                return
            request["NextToken"] = page["NextToken"]

    def _page(self, request: Mapping[str, Any]) -> Any:
        try:
            return self._call(self.sagemaker.list_model_packages, **request)
        except ClientError as error:
            if not _MISSING.search(str(error.response["Error"].get("Message", ""))):
                raise
            group = request["ModelPackageGroupName"]
            raise GrantError(f"there is no {group}; deploy the training account") from error

    def package(self, arn: str) -> dict[str, Any] | None:
        try:
            return dict(self._call(self.sagemaker.describe_model_package, ModelPackageName=arn))
        except ClientError as error:
            if _MISSING.search(str(error.response["Error"].get("Message", ""))):
                return None
            raise

    def version(self, arn: str) -> Version | None:
        package = self.package(arn)
        if package is None:
            return None
        return Version(
            arn,
            approved=package.get("ModelApprovalStatus") == "Approved",
            records=package.get("CustomerMetadataProperties") or {},
            touched_by=toucher(package),
            touched_at=package.get("LastModifiedTime"),
        )

    def digest(self, arn: str) -> str | None:
        """The digest of the version's digests.json, once all of it is checked; None if the version was deleted."""
        package = self.package(arn)
        if package is None:
            return None
        return str(self._call(check_version, package, self.s3, bucket=self.settings.artifact_bucket))

    def write(self, version: Version, told: Write) -> None:
        """Reject the version, or only tell of it; nothing is sent that the registry knows."""
        records = news(version.records, told.records)
        if told.rejected:
            self._update(
                version.arn,
                ModelApprovalStatus="Rejected",
                ApprovalDescription=told.rejected[:LONGEST_DESCRIPTION],
                **({"CustomerMetadataProperties": records} if records else {}),
            )
        elif records:
            self._update(version.arn, CustomerMetadataProperties=records)

    def _update(self, arn: str, **changes: Any) -> None:
        self._call(self.sagemaker.update_model_package, ModelPackageArn=arn, **changes)

    def _call(self, call: Callable[..., Any], *args: Any, **request: Any) -> Any:
        try:
            return call(*args, **request)
        except ClientError as error:
            told = error.response["Error"]
            text = f"{told.get('Code', '')}: {told.get('Message', '')}"
            if not denied(text):
                raise
            raise GrantError(self._grant(text, error.operation_name, request)) from error

    def _grant(self, text: str, operation: str, request: Mapping[str, Any]) -> str:
        of_models = operation == "GetObject"
        on = f"s3://{self.settings.artifact_bucket}/runs/" if of_models else self._resource(request)
        action = f"{'s3' if of_models else 'sagemaker'}:{operation}"
        return missing_grant(text, sides(self.settings, self.model), action=action, on=on)

    def _resource(self, request: Mapping[str, Any]) -> str:
        names = ("ModelPackageArn", "ModelPackageName", "ModelPackageGroupName")
        return next((str(request[name]) for name in names if name in request), "")


def sides(settings: DeploySettings, model: str) -> Sides:
    return Sides(settings.role, settings.account_id, settings.trainer_id(model))
