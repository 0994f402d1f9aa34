"""The function's environment variables as a typed record. Read once, by `handler.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

APPROVAL = "approval"
STATUS, STAGE = "ModelApprovalStatus", "ModelLifeCycle"
"""The fields of a version that an approval changes."""


@dataclass(frozen=True)
class DeploySettings:
    """By model the serving stack here and the group in the training account, and what makes a version wanted here.

    `deploys_on` is `approval` or a life-cycle stage; `after` names the account whose smoke test comes first, if any.
    """

    account: str
    role: str
    stacks: Mapping[str, str]
    groups: Mapping[str, str]
    update_role_arn: str
    artifact_bucket: str
    deploys_on: str = APPROVAL
    after: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> DeploySettings:
        return cls(
            account=environment["ACCOUNT"],
            role=environment["AWS_LAMBDA_FUNCTION_NAME"],  # the function has the name of its role
            stacks=json.loads(environment["SERVING_STACKS"]),
            groups=json.loads(environment["GROUPS"]),
            update_role_arn=environment["UPDATE_ROLE_ARN"],
            artifact_bucket=environment["ARTIFACT_BUCKET"],
            deploys_on=environment["DEPLOYS_ON"],
            after=environment["AFTER"],
        )

    @property
    def account_id(self) -> str:
        return self.update_role_arn.split(":")[4]

    def trainer_id(self, model: str) -> str:
        """The id of the account that holds the registry."""
        return self.groups[model].split(":")[4]

    def package_arn(self, model: str, number: str) -> str:
        return f"{self.groups[model].replace(':model-package-group/', ':model-package/', 1)}/{number}"

    @property
    def let_in_by(self) -> str:
        """The field of a version that lets it in here."""
        return STATUS if self.deploys_on == APPROVAL else STAGE

    @property
    def approver_key(self) -> str:
        """The record of who let a version in here."""
        return "approved_by" if self.deploys_on == APPROVAL else f"{self.deploys_on.lower()}_by"
