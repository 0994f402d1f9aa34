"""One model's pipeline and its group in the registry. `build.py` makes one for each model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from pipeline_code import definition
from settings import ModelSettings
from stacks.definition_validator import require_valid
from stacks.pipeline_functions import PipelineFunctions
from stacks.step_code_asset import StepCode

_IMAGE = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.[^/]+/(?P<name>[^:@]+)[:@].+")


class ModelPipeline(Construct):
    """The definition is built and checked with stand-ins; only then do tokens take their place."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        model: ModelSettings,
        code: StepCode,
        functions: PipelineFunctions,
        role_arn: str,
        job_role_arn: str,
        key: kms.IKey,
        artifact_bucket: s3.IBucket,
        group_policy: Sequence[iam.PolicyStatement] = (),
    ) -> None:
        super().__init__(scope, id_)
        text = definition.build(model, region=Stack.of(self).region)
        require_valid(text, pipeline=model.name)
        values = {
            "job_role": job_role_arn,
            "kms_key": key.key_arn,
            "artifact_bucket": artifact_bucket.bucket_name,
            "code_bucket": code.bucket,
            "code_zip_key": code.zip_key,
            "code_tar_key": code.tar_key,
            "code_digest": code.digest,
            "resolve_champion": functions.resolve_champion_arn,
            "read_verdict": functions.read_verdict_arn,
        }
        pipeline = sagemaker.CfnPipeline(
            self,
            "Pipeline",
            pipeline_name=model.name,
            pipeline_display_name=model.name,
            pipeline_description=f"Preprocess, train, evaluate and register {model.name}",
            pipeline_definition={"PipelineDefinitionBody": definition.fill(text, values)},
            role_arn=role_arn,
        )
        group = sagemaker.CfnModelPackageGroup(
            self,
            "Group",
            model_package_group_name=model.name,
            model_package_group_description=f"Registered versions of {model.name}",
            model_package_group_policy=iam.PolicyDocument(statements=list(group_policy)) if group_policy else None,
        )
        pipeline.add_resource_dependency(group)  # a run registers into the group


def image_repository_arn(partition: str, image_uri: str) -> str:
    """The repository that a role must be allowed to pull from to use an image."""
    image = _IMAGE.fullmatch(image_uri)
    if not image:
        raise ValueError(f"image {image_uri!r} is not <account>.dkr.ecr.<region>.<suffix>/<name>:<tag>")
    return f"arn:{partition}:ecr:{image['region']}:{image['account']}:repository/{image['name']}"
