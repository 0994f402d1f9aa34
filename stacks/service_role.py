"""A role for an AWS service, with its permissions in a customer-managed policy of its own and shared ones."""

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
        shared: Sequence[iam.IManagedPolicy] = (),
        acting_for: str | None,
    ) -> None:
        """`acting_for`: the ARNs the service may assume the role for; None if it is not documented to say so."""
        super().__init__(scope, id_)
        account = Stack.of(self).account
        conditions = {"StringEquals": {"aws:SourceAccount": account}, "ArnLike": {"aws:SourceArn": acting_for}}
        policy = iam.ManagedPolicy(
            self, "Policy", managed_policy_name=name, description=f"What {name} may do", statements=list(statements)
        )
        self.role = iam.Role(
            self,
            "Role",
            role_name=name,
            assumed_by=iam.ServicePrincipal(service, conditions=conditions if acting_for else None),
            managed_policies=[policy, *shared],
        )

    @property
    def arn(self) -> str:
        return self.role.role_arn
