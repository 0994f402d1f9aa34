"""What holds data: the key, the raw-data bucket, the artifact bucket and the bucket of their access logs."""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.naming import Naming
from stacks.secure_bucket import SecureBucket

ACCESS_LOG_DAYS = 365


class DataStack(Stack):
    """Raw data announces its objects to EventBridge; artifacts do not, or every run would start another."""

    def __init__(self, scope: Construct, id_: str, *, naming: Naming) -> None:
        super().__init__(scope, id_, description="Millrace: keys and buckets")
        removal = removal_policy(naming)
        self.key = self._make_key(naming, removal)
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
                )
            ],
        )
        tidy = s3.LifecycleRule(id="abort-incomplete-uploads", abort_incomplete_multipart_upload_after=Duration.days(7))
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
        CfnOutput(self, "RawBucketName", value=self.raw_bucket.bucket_name)
        CfnOutput(self, "ArtifactBucketName", value=self.artifact_bucket.bucket_name)

    def _make_key(self, naming: Naming, removal: RemovalPolicy) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            alias=f"alias/{naming.of('data')}",
            description="Millrace: raw data, artifacts, queues and volumes",
            enable_key_rotation=True,
            removal_policy=removal,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="EventBridgeMaySendToEncryptedQueues",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        return key


def removal_policy(naming: Naming) -> RemovalPolicy:
    """What a stack's end means for what holds data; a failed first deployment always clears up after itself."""
    if naming.account.removal == "destroy":
        return RemovalPolicy.DESTROY
    return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
