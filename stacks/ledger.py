"""The ledger: one row per version of each raw object, and the runs, skips and the lock of each model.

`start_pipeline` writes it; without it nobody could say what was trained on. So it lives in the data stack.
"""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.naming import Naming


class Ledger(dynamodb.Table):
    """`millrace-<account>-ledger`, paid per request; every second of the last 35 days can be restored."""

    def __init__(self, scope: Construct, id_: str, *, naming: Naming, key: kms.IKey, removal: RemovalPolicy) -> None:
        super().__init__(
            scope,
            id_,
            table_name=naming.of("ledger"),
            partition_key=dynamodb.Attribute(name="model", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="item", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute="expires",
            deletion_protection=removal != RemovalPolicy.DESTROY,
            removal_policy=removal,
        )
