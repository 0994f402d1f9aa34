"""A log group that is encrypted with the customer's key and forgets after the account's retention."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.naming import Naming
from stacks.removal import removal_policy


class LogGroup(logs.LogGroup):
    """Whoever writes to it would make it without key and end: so it is made before."""

    def __init__(self, scope: Construct, id_: str, *, name: str, naming: Naming, key: kms.IKey) -> None:
        super().__init__(scope, id_, log_group_name=name, encryption_key=key, removal_policy=removal_policy(naming))
        resource = self.node.default_child
        assert isinstance(resource, logs.CfnLogGroup)
        resource.retention_in_days = naming.account.log_retention_days
