"""A role for an AWS service, with its permissions in one customer-managed policy."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct


class ServiceRole(Construct):
    """The policy is named after the role and is made before it, so whatever waits for the role may use it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        service: str,
        statements: Sequence[iam.PolicyStatement],
        for_own_account: bool = True,
    ) -> None:
        """`for_own_account`: trust the service only when it acts for this account; not every service says so."""
        super().__init__(scope, id_)
        condition = {"StringEquals": {"aws:SourceAccount": Stack.of(self).account}} if for_own_account else None
        policy = iam.ManagedPolicy(
            self, "Policy", managed_policy_name=name, description=f"What {name} may do", statements=list(statements)
        )
        self.role = iam.Role(
            self,
            "Role",
            role_name=name,
            assumed_by=iam.ServicePrincipal(service, conditions=condition),
            managed_policies=[policy],
        )

    @property
    def arn(self) -> str:
        return self.role.role_arn
