"""A private, versioned bucket that answers over TLS only. Every bucket of the system is one."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct


class SecureBucket(s3.Bucket):
    """Encrypted with the key, or with S3's own where a key cannot be used (the target of access logs)."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        key: kms.IKey | None,
        removal: RemovalPolicy,
        lifecycle_rules: Sequence[s3.LifecycleRule] = (),
    ) -> None:
        super().__init__(
            scope,
            id_,
            bucket_name=name,
            encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=key,
            bucket_key_enabled=True if key else None,
            versioned=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=removal,
            lifecycle_rules=list(lifecycle_rules),
        )
        self.name = name
        self.key = key

    def announce_objects(self) -> None:
        """Send the bucket's events to EventBridge: natively, where CDK's own switch adds a helper function."""
        self._resource.add_property_override(
            "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", True
        )

    def log_access_of(self, *buckets: SecureBucket) -> None:
        """Keep the access logs of other buckets here.

        S3 wants the permission to deliver before the first bucket asks for it, so the permission names the
        buckets by text: CDK's own switch would make it wait for them.
        """
        for bucket in buckets:
            self.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
                    actions=["s3:PutObject"],
                    resources=[self.arn_for_objects(f"{bucket.name}/*")],
                    conditions={
                        "ArnLike": {"aws:SourceArn": f"arn:{Stack.of(self).partition}:s3:::{bucket.name}"},
                        "StringEquals": {"aws:SourceAccount": Stack.of(self).account},
                    },
                )
            )
            bucket._resource.logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
                destination_bucket_name=self.bucket_name, log_file_prefix=f"{bucket.name}/"
            )
            bucket.node.add_dependency(self.policy)

    @property
    def _resource(self) -> s3.CfnBucket:
        resource = self.node.default_child
        assert isinstance(resource, s3.CfnBucket)
        return resource
