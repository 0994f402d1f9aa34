"""What makes models: for each a pipeline and a group in the registry, their roles, the functions they call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import ArnFormat
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from settings import ModelSettings
from stacks.access import AccessStack
from stacks.account_stack import AccountStack
from stacks.grants import Grants
from stacks.log_group import LogGroup
from stacks.model_pipeline import ModelPipeline
from stacks.naming import Naming
from stacks.permissions import (
    allow,
    encrypt_volumes,
    pass_role,
    read_assets,
    read_objects,
    use_key,
    write_logs,
    write_objects,
)
from stacks.pipeline_functions import PipelineFunctions
from stacks.service_role import ServiceRole
from stacks.step_code_asset import StepCode

INPUTS, RUNS, QUARANTINE = "inputs/", "runs/", "quarantine/"
JOBS = {"processing-job": "ProcessingJob", "training-job": "TrainingJob"}
"""The kinds of job the steps of a pipeline create; SageMaker names each pipelines-<execution>-<step>-..."""
TUNING = "HyperParameterTuningJob"
TUNING_NAMES = ("*-Tune-*", "*-tune-*")
"""A tuning job, whose name is short, is named <execution>-<step>-... instead; AWS shows both spellings."""


class BuildStack(AccountStack):
    """`millrace-<account>-pipeline` creates the jobs, `millrace-<account>-job` is what runs inside them."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        naming: Naming,
        models: Sequence[ModelSettings],
        access: AccessStack,
        grants: Grants,
        endpoints: Mapping[str, str],
        key: kms.IKey,
        artifact_bucket: s3.IBucket,
        artifact_key: kms.IKey,
    ) -> None:
        super().__init__(scope, id_, description="Millrace: pipelines and the model registry")
        self._artifacts, self._key = artifact_bucket, artifact_key
        for kind in JOBS.values():
            LogGroup(self, f"{kind}Logs", name=log_group_name(kind), naming=naming, key=key)
        self.functions = PipelineFunctions(
            self,
            "Functions",
            naming=naming,
            endpoints=endpoints,
            key=key,
            artifact_bucket=artifact_bucket,
            artifact_key=artifact_key,
            list_versions=access.list_versions,
        )
        codes = {model.name: StepCode(self, f"Code-{model.name}", model_spec=model.spec()) for model in models}
        job_role = ServiceRole(
            self,
            "JobRole",
            name=naming.of("job"),
            service="sagemaker.amazonaws.com",
            acting_for=self._sagemaker_arn("*"),
            statements=self._job_statements(list(codes.values()), [model.name for model in models]),
            shared=[access.pull_images, access.report_metrics],
        )
        pipeline_role = ServiceRole(
            self,
            "PipelineRole",
            name=naming.of("pipeline"),
            service="sagemaker.amazonaws.com",
            acting_for=self._sagemaker_arn("*"),
            statements=self._pipeline_statements(job_role.arn, [model.name for model in models]),
            shared=[access.pull_images],  # registering checks that whoever registers may use the image
        )
        for model in models:
            ModelPipeline(
                self,
                f"Model-{model.name}",
                model=model,
                code=codes[model.name],
                functions=self.functions,
                role_arn=pipeline_role.arn,
                job_role_arn=job_role.arn,
                key=artifact_key,
                artifact_bucket=artifact_bucket,
                group_policy=grants.of_group(model.name),
            )

    def _job_statements(self, codes: Sequence[StepCode], names: Sequence[str]) -> list[iam.PolicyStatement]:
        """Read inputs and code, write results; the rest is what SageMaker does in the role's name."""
        placeholder = self.functions.placeholder
        return [
            *read_objects(self._artifacts, INPUTS, RUNS),
            write_objects(self._artifacts, RUNS, *(f"{QUARANTINE}{name}/{RUNS}" for name in names)),
            *read_assets(
                self,
                placeholder.s3_bucket_name,
                placeholder.s3_object_key,
                *(key for code in codes for key in (code.zip_key, code.tar_key)),
            ),
            use_key(self._key),
            *encrypt_volumes(self._key),
            allow("kms:Encrypt", on=[self._key.key_arn]),  # SageMaker's own, for the outputs
            write_logs(self, *map(log_group_name, JOBS.values())),
        ]

    def _pipeline_statements(self, job_role_arn: str, names: Sequence[str]) -> list[iam.PolicyStatement]:
        """Create, watch and stop the steps' jobs, call functions, read what the gate compares, register the model."""
        tuning = [self._sagemaker_arn("hyper-parameter-tuning-job", name) for name in TUNING_NAMES]
        jobs = {kind: self._sagemaker_arn(resource, "pipelines-*") for resource, kind in JOBS.items()}
        groups = [self._sagemaker_arn("model-package-group", name) for name in names]
        packages = [self._sagemaker_arn("model-package", f"{name}/*") for name in names]
        return [
            *(
                allow(f"sagemaker:Create{kind}", f"sagemaker:Describe{kind}", f"sagemaker:Stop{kind}", on=[arn])
                for kind, arn in jobs.items()
            ),
            allow(
                *(f"sagemaker:{verb}{TUNING}" for verb in ("Create", "Describe", "Stop", "ListTrainingJobsFor")),
                on=tuning,
            ),
            allow("lambda:InvokeFunction", on=self.functions.arns),
            allow("sagemaker:CreateModelPackage", "sagemaker:AddTags", on=[*groups, *packages]),
            allow("sagemaker:DescribeModelPackage", on=packages),
            allow("sagemaker:DescribeModelPackageGroup", on=groups),
            allow("sagemaker:AddTags", on=[*jobs.values(), *tuning]),
            pass_role(job_role_arn, to="sagemaker.amazonaws.com"),
            *read_objects(self._artifacts, RUNS),
            allow("kms:Decrypt", on=[self._key.key_arn]),
        ]

    def _sagemaker_arn(self, resource: str, name: str | None = None) -> str:
        form = ArnFormat.SLASH_RESOURCE_NAME if name else ArnFormat.NO_RESOURCE_NAME
        return self.format_arn(service="sagemaker", resource=resource, resource_name=name, arn_format=form)


def log_group_name(kind: str) -> str:
    """Where SageMaker keeps what jobs of one kind print; it offers no choice."""
    return f"/aws/sagemaker/{kind}s"
