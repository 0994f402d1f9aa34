"""The names of everything in one account, made in one place. `account_stage.py` hands them to each stack."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import DefaultStackSynthesizer

from settings import AccountSettings

ENDPOINT, SERVING_UPDATE = "endpoint", "serving-update"
DEPLOY_MODEL, SMOKE_TEST, FORWARD = "deploy-model", "smoke-test", "forward"
"""The roles that reach into another account, or are named there."""


@dataclass(frozen=True)
class Naming:
    """`millrace-<account>-<purpose>`; buckets carry account and region because their names are global."""

    account: AccountSettings

    def of(self, purpose: str) -> str:
        return f"millrace-{self.account.name}-{purpose}"

    def bucket(self, purpose: str) -> str:
        return f"{self.of(purpose)}-{self.account.account_id}-{self.account.region}"

    def serving_stack(self, model: str) -> str:
        return f"{self.account.name.capitalize()}-{serving_stack_id(model)}"

    def role_arn(self, purpose: str, *, partition: str) -> str:
        """Of a role in the account, whether it exists already or not."""
        return f"arn:{partition}:iam::{self.account.account_id}:role/{self.of(purpose)}"

    def deployment_role_arn(self, *, partition: str) -> str:
        """What CloudFormation works with when people deploy the account's stacks: CDK's own role."""
        account, qualifier = self.account, DefaultStackSynthesizer.DEFAULT_QUALIFIER
        role = f"cdk-{qualifier}-cfn-exec-role-{account.account_id}-{account.region}"
        return f"arn:{partition}:iam::{account.account_id}:role/{role}"

    def arn(self, service: str, resource: str, *, partition: str) -> str:
        """Of something regional in the account."""
        return f"arn:{partition}:{service}:{self.account.region}:{self.account.account_id}:{resource}"

    @property
    def registry_bus(self) -> str:
        """Where the registry's events arrive in an account that does not train."""
        return self.of("registry")


def serving_stack_id(model: str) -> str:
    """The id of a model's serving stack within its stage."""
    return f"Serving-{model}"
