"""What holds data: keys, the raw-data bucket, the artifact bucket, the bucket of their access logs, the ledger.

An account that does not train has its own key, and where it keeps what its endpoints were asked.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.account_stack import AccountStack
from stacks.customer_key import CustomerKey, for_services
from stacks.grants import Grants
from stacks.ledger import Ledger
from stacks.naming import Naming
from stacks.removal import removal_policy
from stacks.secure_bucket import SecureBucket

ACCESS_LOG_DAYS = 365
REPLACED_DAYS = 90
"""How long an overwritten or deleted object can be brought back."""


class DataStack(AccountStack):
    """Raw data announces its objects to EventBridge; artifacts do not, or every run would start another."""

    def __init__(self, scope: Construct, id_: str, *, naming: Naming, grants: Grants, captures: bool = False) -> None:
        super().__init__(scope, id_, description="Millrace: keys, buckets and the ledger")
        removal = removal_policy(naming)
        self.key = _data_key(self, naming, removal)
        self.artifact_key = CustomerKey(
            self,
            "ArtifactKey",
            naming=naming,
            purpose="artifacts",
            description="artifacts, and the volumes of jobs; other accounts decrypt models with it",
            removal=removal,
            statements=grants.of_key(),
        )
        logs = _log_bucket(self, naming, removal)
        self.raw_bucket = _bucket(self, naming, "raw", self.key, removal)
        self.artifact_bucket = _bucket(self, naming, "artifacts", self.artifact_key, removal)
        for statement in grants.of_bucket():
            self.artifact_bucket.add_to_resource_policy(statement)
        self.raw_bucket.announce_objects()
        logs.log_access_of(self.raw_bucket, self.artifact_bucket)
        self.capture_bucket = _capture_bucket(self, naming, logs, removal) if captures else None
        self.ledger = Ledger(self, "Ledger", naming=naming, key=self.key, removal=removal)
        CfnOutput(self, "RawBucketName", value=self.raw_bucket.bucket_name)
        CfnOutput(self, "ArtifactBucketName", value=self.artifact_bucket.bucket_name)
        CfnOutput(self, "LedgerTableName", value=self.ledger.table_name)


class ServingDataStack(AccountStack):
    """The same for an account that only serves."""

    def __init__(self, scope: Construct, id_: str, *, naming: Naming, captures: bool = False) -> None:
        super().__init__(scope, id_, description="Millrace: keys, and what endpoints were asked")
        removal = removal_policy(naming)
        self.key = _data_key(self, naming, removal)
        self.capture_bucket = (
            _capture_bucket(self, naming, _log_bucket(self, naming, removal), removal) if captures else None
        )


def _data_key(scope: Construct, naming: Naming, removal: RemovalPolicy) -> CustomerKey:
    holding = "raw data, the ledger, queues" if naming.account.trains else "queues"
    return CustomerKey(
        scope,
        "Key",
        naming=naming,
        purpose="data",
        description=f"{holding}, alarms, logs and the volumes of endpoints; never shared",
        removal=removal,
        statements=for_services(scope, naming),
    )


def _log_bucket(scope: Construct, naming: Naming, removal: RemovalPolicy) -> SecureBucket:
    return SecureBucket(
        scope,
        "Logs",
        name=naming.bucket("logs"),
        key=None,  # S3 delivers access logs only into buckets with its own encryption
        removal=removal,
        lifecycle_rules=[
            s3.LifecycleRule(
                id="expire",
                expiration=Duration.days(ACCESS_LOG_DAYS),
                noncurrent_version_expiration=Duration.days(1),
                abort_incomplete_multipart_upload_after=Duration.days(7),
            )
        ],
    )


def _bucket(scope: Construct, naming: Naming, purpose: str, key: CustomerKey, removal: RemovalPolicy) -> SecureBucket:
    """Current objects never expire: a registered model names its runs/, and a cached step its inputs/, for ever."""
    tidy = s3.LifecycleRule(
        id="forget-what-was-replaced",
        abort_incomplete_multipart_upload_after=Duration.days(7),
        noncurrent_version_expiration=Duration.days(REPLACED_DAYS),
        expired_object_delete_marker=True,
    )
    return SecureBucket(
        scope,
        purpose.capitalize(),
        name=naming.bucket(purpose),
        key=key,
        removal=removal,
        lifecycle_rules=[tidy],
    )


def _capture_bucket(scope: Construct, naming: Naming, logs: SecureBucket, removal: RemovalPolicy) -> SecureBucket:
    key = CustomerKey(
        scope,
        "CaptureKey",
        naming=naming,
        purpose="capture",
        description="what endpoints were asked and answered",
        removal=removal,
    )
    bucket = _bucket(scope, naming, "capture", key, removal)
    logs.log_access_of(bucket)
    return bucket
