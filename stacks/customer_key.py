"""A customer's key, with a policy that names each action. `data.py` makes those of the account.

alias/millrace-<account>-data       raw data, the ledger, queues, alarms, logs and the volumes of endpoints
alias/millrace-<account>-artifacts  the artifact bucket and the volumes of jobs; the only one that is shared
alias/millrace-<account>-capture    what endpoints were asked and answered
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.naming import Naming

MANAGEMENT = (
    *("CancelKeyDeletion", "CreateAlias", "CreateGrant", "DeleteAlias", "DescribeKey", "DisableKey"),
    *("DisableKeyRotation", "EnableKey", "EnableKeyRotation", "GetKeyPolicy", "GetKeyRotationStatus", "ListGrants"),
    *("ListKeyPolicies", "ListKeyRotations", "ListResourceTags", "PutKeyPolicy", "RetireGrant", "RevokeGrant"),
    *("RotateKeyOnDemand", "ScheduleKeyDeletion", "TagResource", "UntagResource", "UpdateAlias"),
    "UpdateKeyDescription",
)
USE = (
    *("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"),
    *("ReEncryptFrom", "ReEncryptTo"),
)


class CustomerKey(kms.Key):
    """Rotated each year. In a key's policy the resource "*" means this key."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        naming: Naming,
        purpose: str,
        description: str,
        removal: RemovalPolicy,
        statements: Sequence[iam.PolicyStatement] = (),
    ) -> None:
        super().__init__(
            scope,
            id_,
            alias=f"alias/{naming.of(purpose)}",
            description=f"Millrace: {description}",
            enable_key_rotation=True,
            removal_policy=removal,
            policy=iam.PolicyDocument(statements=[_for_policies_of_the_account(), *statements]),
        )


def for_services(scope: Construct, naming: Naming) -> list[iam.PolicyStatement]:
    """EventBridge sends to queues and alarms to a topic; CloudWatch Logs encrypts the system's log groups."""
    stack = Stack.of(scope)
    groups = [
        f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:{prefix}*"
        for prefix in (f"/aws/lambda/{naming.of('')}", "/aws/sagemaker/")
    ]
    return [
        iam.PolicyStatement(
            sid="EventBridgeMaySendToEncryptedQueues",
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=["*"],
            conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
        ),
        iam.PolicyStatement(
            sid="AlarmsMayPublishToTheEncryptedTopic",
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=["*"],
            conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
        ),
        iam.PolicyStatement(
            sid="LogGroupsMayBeEncrypted",
            principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
            actions=[f"kms:{action}" for action in USE],
            resources=["*"],
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        ),
    ]


def _for_policies_of_the_account() -> iam.PolicyStatement:
    """The account may manage the key, and the policies of its roles decide about its use."""
    return iam.PolicyStatement(
        sid="PoliciesOfTheAccountDecide",
        principals=[iam.AccountRootPrincipal()],
        actions=[f"kms:{action}" for action in sorted({*MANAGEMENT, *USE})],
        resources=["*"],
    )
