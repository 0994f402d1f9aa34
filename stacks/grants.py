"""What the training account lets the other accounts do; each grant is one statement of its own, with its own Sid.

AWS refuses a policy that names a role which does not exist yet, so each names the account and, as a condition, the
exact roles: any account may be deployed first. Images are SageMaker's own, in accounts of AWS: nothing to grant.

    DeployersMayReadVersions     policy of each model package group    deploy-model, smoke-test, serving-update
    DeployersMayMakeModels       policy of each model package group    serving-update
    DeploymentsMayMakeModels     policy of each model package group    CDK's role of CloudFormation
    DeployersMayRecordAndReject  policy of each model package group    deploy-model, smoke-test
    DeployersMayReadModels       policy of the artifact bucket         deploy-model, smoke-test, endpoint
    DeployersMayListModels       policy of the artifact bucket         deploy-model, smoke-test, endpoint
    DeployersMayDecryptModels    policy of the artifact bucket's key   deploy-model, smoke-test, endpoint

`deploy_model` and `smoke_test` name the statement that is missing when they are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_iam as iam

from stacks.naming import DEPLOY_MODEL, ENDPOINT, SERVING_UPDATE, SMOKE_TEST, Naming
from stacks.registry import RUNS, Registry
from stacks.version_rights import only_back_or_records

READERS = (DEPLOY_MODEL, SMOKE_TEST, SERVING_UPDATE)
JUDGES = (DEPLOY_MODEL, SMOKE_TEST)
LOADERS = (DEPLOY_MODEL, SMOKE_TEST, ENDPOINT)


@dataclass(frozen=True)
class Grants:
    """To the accounts that do not train; without any there is nothing to grant."""

    registry: Registry
    others: Sequence[Naming]

    def of_group(self, model: str) -> list[iam.PolicyStatement]:
        """The policy of a model package group: read its versions, and mark one Rejected: the way back."""
        group, packages = self.registry.group_arn(model), self.registry.packages_arn(model)
        reading = ("DescribeModelPackage", "DescribeModelPackageGroup", "ListModelPackages")
        return [
            *self._to(
                READERS, "DeployersMayReadVersions", *(f"sagemaker:{one}" for one in reading), on=[group, packages]
            ),
            *self._to([SERVING_UPDATE], "DeployersMayMakeModels", "sagemaker:CreateModel", on=[packages]),
            *self._by_hand(packages),
            *self._to(
                JUDGES,
                "DeployersMayRecordAndReject",
                "sagemaker:UpdateModelPackage",
                on=[packages],
                when=only_back_or_records(),
            ),
        ]

    def _by_hand(self, packages: str) -> list[iam.PolicyStatement]:
        """A changed setting of an endpoint is deployed by people, and may need another model of the same version."""
        partition = self.registry.partition
        return self._to_arns(
            [other.deployment_role_arn(partition=partition) for other in self.others],
            "DeploymentsMayMakeModels",
            *("sagemaker:CreateModel", "sagemaker:DescribeModelPackage"),
            on=[packages],
        )

    def of_bucket(self) -> list[iam.PolicyStatement]:
        bucket = self.registry.bucket_arn
        return [
            *self._to(LOADERS, "DeployersMayReadModels", "s3:GetObject", on=[f"{bucket}/{RUNS}*"]),
            *self._to(
                LOADERS,
                "DeployersMayListModels",
                "s3:ListBucket",
                on=[bucket],
                when={"StringLike": {"s3:prefix": f"{RUNS}*"}},
            ),
        ]

    def of_key(self) -> list[iam.PolicyStatement]:
        """Only through S3, and only what lies in the bucket."""
        return self._to(
            LOADERS, "DeployersMayDecryptModels", "kms:Decrypt", on=["*"], when=self.registry.through_the_bucket()
        )

    def _to(
        self,
        roles: Sequence[str],
        sid: str,
        *actions: str,
        on: Sequence[str],
        when: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> list[iam.PolicyStatement]:
        partition = self.registry.partition
        arns = [other.role_arn(role, partition=partition) for other in self.others for role in roles]
        return self._to_arns(arns, sid, *actions, on=on, when=when)

    def _to_arns(
        self,
        arns: Sequence[str],
        sid: str,
        *actions: str,
        on: Sequence[str],
        when: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> list[iam.PolicyStatement]:
        if not self.others:
            return []
        return [
            iam.PolicyStatement(
                sid=sid,
                principals=[iam.ArnPrincipal(root_arn(other, self.registry.partition)) for other in self.others],
                actions=list(actions),
                resources=list(on),
                conditions={**(when or {}), "ArnEquals": {"aws:PrincipalArn": list(arns)}},
            )
        ]


def root_arn(naming: Naming, partition: str) -> str:
    """The account as a principal."""
    return f"arn:{partition}:iam::{naming.account.account_id}:root"
