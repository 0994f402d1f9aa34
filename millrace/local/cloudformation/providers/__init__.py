"""The resource types that the embedded AWS can make, by name; a type that is not here fails its stack."""

from __future__ import annotations

from collections.abc import Mapping

from millrace.local.cloudformation.providers import (
    cloudwatch,
    dynamodb,
    ecr,
    events,
    iam,
    kms,
    lambda_,
    logs,
    nothing,
    s3,
    sagemaker,
    secretsmanager,
    simple,
    sns,
    sqs,
)
from millrace.local.cloudformation.providers.base import Provider
from millrace.local.cloudformation.providers.custom import CustomResource

PROVIDERS: Mapping[str, Provider] = {
    type_: provider
    for module in (
        cloudwatch,
        dynamodb,
        ecr,
        events,
        iam,
        kms,
        lambda_,
        logs,
        nothing,
        s3,
        sagemaker,
        secretsmanager,
        simple,
        sns,
        sqs,
    )
    for type_, provider in module.PROVIDERS.items()
}


def is_custom(type_: str) -> bool:
    return type_.startswith("Custom::") or type_ == "AWS::CloudFormation::CustomResource"


def provider_of(type_: str) -> Provider | None:
    """The provider of a type, or None when the embedded AWS has none."""
    return CustomResource(type_) if is_custom(type_) else PROVIDERS.get(type_)
