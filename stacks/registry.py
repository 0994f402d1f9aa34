"""The model registry and the bucket its models lie in, both in the training account, as any account names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_iam as iam

from stacks.naming import Naming
from stacks.permissions import allow

RUNS = "runs/"
"""Where runs leave their models; nothing else of the bucket is for other accounts."""


@dataclass(frozen=True)
class Registry:
    """`home` is the training account, `accounts` the names of all that serve its models.

    Names only, so that each account can be deployed without the others.
    """

    home: Naming
    models: Sequence[str]
    partition: str
    accounts: Sequence[str] = ()
    key_arn: str | None = None
    """The artifact bucket's key, known at home; from elsewhere its id is not, and the bucket limits which it is."""

    @property
    def bucket_name(self) -> str:
        return self.home.bucket("artifacts")

    @property
    def bucket_arn(self) -> str:
        return f"arn:{self.partition}:s3:::{self.bucket_name}"

    def group_arn(self, model: str) -> str:
        return self._sagemaker(f"model-package-group/{model}")

    def packages_arn(self, model: str) -> str:
        return self._sagemaker(f"model-package/{model}/*")

    @property
    def packages(self) -> list[str]:
        return [self.packages_arn(model) for model in self.models]

    @property
    def groups(self) -> list[str]:
        return [self.group_arn(model) for model in self.models]

    def read_models(self) -> list[iam.PolicyStatement]:
        """Read and list what runs left; without the list right a missing object looks forbidden."""
        any_key = self.home.arn("kms", "key/*", partition=self.partition)
        return [
            allow("s3:GetObject", on=[f"{self.bucket_arn}/{RUNS}*"]),
            allow("s3:ListBucket", on=[self.bucket_arn], when={"StringLike": {"s3:prefix": [f"{RUNS}*"]}}),
            allow("kms:Decrypt", on=[self.key_arn or any_key], when=self.through_the_bucket()),
        ]

    def through_the_bucket(self) -> Mapping[str, Mapping[str, Any]]:
        """The condition that S3 asks for an object of this bucket: with a bucket key it names the bucket itself."""
        return {
            "StringEquals": {"kms:ViaService": f"s3.{self.home.account.region}.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:aws:s3:arn": [self.bucket_arn, f"{self.bucket_arn}/*"]},
        }

    def _sagemaker(self, resource: str) -> str:
        return self.home.arn("sagemaker", resource, partition=self.partition)
