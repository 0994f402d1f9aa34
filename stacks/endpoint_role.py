"""The role that endpoints run with: load the model, keep what was asked, log. `deploy.py` makes it."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from settings.endpoint import endpoint_names
from stacks.access import AccessStack
from stacks.endpoint_network import NETWORK
from stacks.log_group import LogGroup
from stacks.naming import ENDPOINT, Naming
from stacks.permissions import allow, encrypt_volumes, use_key, write_logs, write_objects
from stacks.registry import Registry
from stacks.secure_bucket import SecureBucket
from stacks.service_role import ServiceRole
from stacks.serving_rights import look_at_alarms


class EndpointRole(ServiceRole):
    """`millrace-<account>-endpoint`, one for all models of the account."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        naming: Naming,
        registry: Registry,
        access: AccessStack,
        key: kms.IKey,
        capture_bucket: SecureBucket | None,
    ) -> None:
        log_groups = _log_groups(scope, registry.models, naming, key)
        stack = Stack.of(scope)
        super().__init__(
            scope,
            id_,
            name=naming.of(ENDPOINT),
            service="sagemaker.amazonaws.com",
            acting_for=stack.format_arn(service="sagemaker", resource="*", arn_format=ArnFormat.NO_RESOURCE_NAME),
            statements=[
                *registry.read_models(),
                *encrypt_volumes(key),
                write_logs(scope, *log_groups),
                look_at_alarms(stack),
                *_capture(capture_bucket),
                *([allow(*(f"ec2:{action}" for action in NETWORK), on=["*"])] if naming.account.network else []),
            ],
            shared=[access.pull_images, access.report_metrics],
        )


def _log_groups(scope: Construct, models: Sequence[str], naming: Naming, key: kms.IKey) -> list[str]:
    """For both kinds of endpoints: logs outlive a change of kind, and would be in the way of a change back."""
    groups = {name: f"/aws/sagemaker/Endpoints/{name}" for model in models for name in endpoint_names(model)}
    for name, group in groups.items():
        LogGroup(scope, f"Logs-{name}", name=group, naming=naming, key=key)
    return [*groups.values()]


def _capture(bucket: SecureBucket | None) -> Sequence[iam.PolicyStatement]:
    """SageMaker writes what was asked and answered in the role's name."""
    if bucket is None or bucket.encryption_key is None:
        return ()
    return (write_objects(bucket, ""), use_key(bucket.encryption_key))
