"""Policy statements that several roles share, and `allow`, the short way to write one out beside its resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct


def allow(*actions: str, on: Sequence[str], when: Mapping[str, Mapping[str, Any]] | None = None) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=list(actions), resources=list(on), conditions=when)


def deny(
    sid: str, *actions: str, but: Sequence[str] = (), when: Mapping[str, Mapping[str, Any]] | None = None
) -> iam.PolicyStatement:
    """Deny the actions, or all `but` the ones given, everywhere."""
    return iam.PolicyStatement(
        sid=sid,
        effect=iam.Effect.DENY,
        actions=list(actions) or None,
        not_actions=list(but) or None,
        resources=["*"],
        conditions=when,
    )


def read_objects(bucket: s3.IBucket, *prefixes: str) -> list[iam.PolicyStatement]:
    """Read and list what lies under the prefixes; without the list right a missing object looks forbidden."""
    return [
        allow("s3:GetObject", on=[bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes]),
        list_objects(bucket, *prefixes),
    ]


def read_assets(stack: Stack, bucket_name: str, *keys: str) -> list[iam.PolicyStatement]:
    """Exactly these objects of the bucket that holds all assets; together, as a policy must not grow too large."""
    bucket = f"arn:{stack.partition}:s3:::{bucket_name}"
    return [
        allow("s3:GetObject", on=[f"{bucket}/{key}" for key in keys]),
        allow("s3:ListBucket", on=[bucket], when={"StringEquals": {"s3:prefix": list(keys)}}),
    ]


def list_objects(bucket: s3.IBucket, *prefixes: str) -> iam.PolicyStatement:
    """See what lies under the prefixes, without reading it."""
    return allow(
        "s3:ListBucket",
        on=[bucket.bucket_arn],
        when={"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}},
    )


def write_objects(bucket: s3.IBucket, *prefixes: str) -> iam.PolicyStatement:
    """Write under the prefixes; large objects go up in parts, which a failure must be able to clear away."""
    return allow(
        "s3:PutObject",
        "s3:AbortMultipartUpload",
        on=[bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes],
    )


def use_key(key: kms.IKey) -> iam.PolicyStatement:
    """Read and write what the key encrypts."""
    return allow("kms:Decrypt", "kms:GenerateDataKey", on=[key.key_arn])


def encrypt_volumes(key: kms.IKey) -> list[iam.PolicyStatement]:
    """Let SageMaker attach volumes encrypted with the key to the instances of a job or an endpoint."""
    return [
        allow("kms:DescribeKey", on=[key.key_arn]),
        allow("kms:CreateGrant", on=[key.key_arn], when={"Bool": {"kms:GrantIsForAWSResource": "true"}}),
    ]


def pull_images(repositories: Sequence[str]) -> list[iam.PolicyStatement]:
    """Pull container images; the token is the registry's, so it cannot be limited to a repository."""
    return [
        allow("ecr:GetAuthorizationToken", on=["*"]),
        allow(
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:GetDownloadUrlForLayer",
            on=repositories,
        ),
    ]


def write_logs(scope: Construct, *log_groups: str) -> iam.PolicyStatement:
    """What SageMaker does in a role's name while a container runs: keep what it prints."""
    groups = [
        Stack.of(scope).format_arn(
            service="logs", resource="log-group", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        for name in log_groups
    ]
    return allow(
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
        on=[*groups, *(f"{group}:*" for group in groups)],
    )


def report_metrics() -> iam.PolicyStatement:
    """What SageMaker does in a role's name while a container runs: report its CPU, memory and disk."""
    return allow(
        "cloudwatch:PutMetricData",
        on=["*"],  # the action knows no resources; the namespace is its only limit
        when={"StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", "aws/sagemaker/*", "AWS/SageMaker"]}},
    )


def pass_role(role_arn: str, *, to: str) -> iam.PolicyStatement:
    """Hand a role to one service and no other."""
    return allow("iam:PassRole", on=[role_arn], when={"StringEquals": {"iam:PassedToService": to}})
