"""What holds data: the key, the raw-data bucket, the artifact bucket, the bucket of their access logs, the ledger."""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.customer_key import CustomerKey
from stacks.ledger import Ledger
from stacks.naming import Naming
from stacks.removal import removal_policy
from stacks.secure_bucket import SecureBucket

ACCESS_LOG_DAYS = 365
REPLACED_DAYS = 90
"""How long an overwritten or deleted object can be brought back."""


class DataStack(Stack):
    """Raw data announces its objects to EventBridge; artifacts do not, or every run would start another."""

    def __init__(self, scope: Construct, id_: str, *, naming: Naming) -> None:
        super().__init__(scope, id_, description="Millrace: keys, buckets and the ledger")
        removal = removal_policy(naming)
        self.key = CustomerKey(self, "Key", naming=naming, removal=removal)
        logs = SecureBucket(
            self,
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
        # Current objects never expire: a registered model names its runs/, and a cached step its inputs/, for ever.
        tidy = s3.LifecycleRule(
            id="forget-what-was-replaced",
            abort_incomplete_multipart_upload_after=Duration.days(7),
            noncurrent_version_expiration=Duration.days(REPLACED_DAYS),
            expired_object_delete_marker=True,
        )
        self.raw_bucket, self.artifact_bucket = (
            SecureBucket(
                self,
                purpose.capitalize(),
                name=naming.bucket(purpose),
                key=self.key,
                removal=removal,
                lifecycle_rules=[tidy],
            )
            for purpose in ("raw", "artifacts")
        )
        self.raw_bucket.announce_objects()
        logs.log_access_of(self.raw_bucket, self.artifact_bucket)
        self.ledger = Ledger(self, "Ledger", naming=naming, key=self.key, removal=removal)
        CfnOutput(self, "RawBucketName", value=self.raw_bucket.bucket_name)
        CfnOutput(self, "ArtifactBucketName", value=self.artifact_bucket.bucket_name)
        CfnOutput(self, "LedgerTableName", value=self.ledger.table_name)
