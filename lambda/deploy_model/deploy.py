"""Reads the state of registry and serving stack, and does what `plan` says. Called by `handler.py`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from deploy_model.check import check_version
from deploy_model.errors import RefusedError
from deploy_model.plan import Action, Plan, Stack, plan, refused
from deploy_model.settings import DeploySettings

PARAMETER = "ModelPackageArn"
RESOURCE_TYPES = [
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::SageMaker::Model",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::Endpoint",
]

LONGEST_DESCRIPTION = 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deployer:
    """The clients and settings a deployment needs."""

    sagemaker: Any
    cloudformation: Any
    s3: Any
    settings: DeploySettings

    def reconcile(self, model: str, *, approved: str | None = None) -> Plan:
        """Start the update that brings the model's stack to the newest approved version, if one is due."""
        name = self.settings.stacks[model]
        description = self._describe(name)
        decided = self._checked(plan(self._newest_approved(model), self._stack(description), approved=approved))
        level = logging.ERROR if decided.action is Action.BLOCKED else logging.INFO
        log.log(level, "%s: %s: %s", model, decided.action.value, decided.reason)
        if decided.action is Action.UPDATE and description:
            self._update(name, description, decided)
        elif decided.action is Action.BLOCKED and decided.version:
            self._reject(decided)
        return decided

    def _checked(self, decided: Plan) -> Plan:
        """The plan, unless the version that it deploys must not be."""
        if decided.action is not Action.UPDATE:
            return decided
        try:
            package = self.sagemaker.describe_model_package(ModelPackageName=decided.version)
            check_version(package, self.s3, bucket=self.settings.artifact_bucket)
        except RefusedError as error:
            return refused(decided.version, str(error))
        return decided

    def _reject(self, decided: Plan) -> None:
        """Its event brings the function back, which then looks at the version approved before."""
        self.sagemaker.update_model_package(
            ModelPackageArn=decided.version,
            ModelApprovalStatus="Rejected",
            ApprovalDescription=decided.reason[:LONGEST_DESCRIPTION],
        )

    def _newest_approved(self, model: str) -> str | None:
        packages = self.sagemaker.list_model_packages(
            ModelPackageGroupName=model,
            ModelApprovalStatus="Approved",
            SortBy="CreationTime",
            SortOrder="Descending",
            MaxResults=1,
        )["ModelPackageSummaryList"]
        return packages[0]["ModelPackageArn"] if packages else None

    def _describe(self, name: str) -> dict[str, Any] | None:
        try:
            return dict(self.cloudformation.describe_stacks(StackName=name)["Stacks"][0])
        except ClientError as error:
            if "does not exist" in _message(error):
                return None
            raise

    def _stack(self, description: dict[str, Any] | None) -> Stack | None:
        if description is None:
            return None
        status = description["StackStatus"]
        return Stack(
            status=status,
            version=_parameters(description).get(PARAMETER, ""),
            changed=str(description.get("LastUpdatedTime", description["CreationTime"])),
            rolled_back=self._rolled_back(description) if status == "UPDATE_ROLLBACK_COMPLETE" else None,
        )

    def _rolled_back(self, description: dict[str, Any]) -> str | None:
        """The token of the update that was rolled back last: the newest event of the stack itself carries it."""
        pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=description["StackId"])
        for page in pages:
            for event in page["StackEvents"]:
                if event["PhysicalResourceId"] == description["StackId"]:
                    return event.get("ClientRequestToken")
        return None

    def _update(self, name: str, description: dict[str, Any], decided: Plan) -> None:
        others = [parameter for parameter in _parameters(description) if parameter != PARAMETER]
        try:
            self.cloudformation.update_stack(
                StackName=name,
                UsePreviousTemplate=True,
                RoleARN=self.settings.update_role_arn,
                ResourceTypes=RESOURCE_TYPES,
                ClientRequestToken=decided.token,
                Parameters=[
                    {"ParameterKey": PARAMETER, "ParameterValue": decided.version},
                    *({"ParameterKey": key, "UsePreviousValue": True} for key in others),
                ],
            )
        except ClientError as error:
            if "No updates are to be performed" in _message(error):
                log.info("%s already is as wanted", name)
            elif "_IN_PROGRESS state" in _message(error):
                log.info("%s is being updated by someone else; its end will be announced", name)
            else:
                raise


def _parameters(description: dict[str, Any]) -> dict[str, str]:
    return {entry["ParameterKey"]: entry["ParameterValue"] for entry in description.get("Parameters", ())}


def _message(error: ClientError) -> str:
    return str(error.response["Error"].get("Message", ""))
