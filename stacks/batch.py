"""Batch scoring: an upload below batch/<model>/ goes through the live model, in a pipeline of its own.

Upload -> EventBridge rule -> queue -> `start_batch` -> pipeline `<model>-batch`; the schedule sends to the same
queue, for what no event told. Its two roles reach batch/ of the artifact bucket, and of runs/ the models alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import ArnFormat, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from pipeline_code import definition_batch
from settings import ModelSettings
from stacks.access import AccessStack
from stacks.account_stack import AccountStack
from stacks.definition_validator import require_valid
from stacks.hourly_schedule import send_on_schedule
from stacks.log_group import LogGroup
from stacks.naming import Naming
from stacks.permissions import (
    allow,
    encrypt_volumes,
    list_objects,
    pass_role,
    read_assets,
    read_objects,
    use_key,
    write_logs,
    write_objects,
)
from stacks.service_role import ServiceRole
from stacks.step_code_asset import StepCode
from stacks.worker_queue import Rule, Worker, WorkerQueue

BATCH = "batch/"
MODELS = "runs/*/output/model.tar.gz"
"""Where Train, or the best job of Tune, leaves a model."""
JOBS = {"processing-job": "ProcessingJob", "transform-job": "TransformJob"}
"""The kinds of job the steps create; SageMaker names each, and the model, pipelines-<execution>-<step>-..."""
PROCESSING_LOGS, TRANSFORM_LOGS = "/aws/sagemaker/ProcessingJobs", "/aws/sagemaker/TransformJobs"
JSON_LINES = (".jsonl", ".ndjson")


class BatchStack(AccountStack):
    """`millrace-<account>-batch-pipeline` creates the jobs, `millrace-<account>-batch-job` is what runs in them."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        naming: Naming,
        models: Sequence[ModelSettings],
        access: AccessStack,
        resolve_champion_arn: str,
        key: kms.IKey,
        raw_bucket: s3.IBucket,
        artifact_bucket: s3.IBucket,
        artifact_key: kms.IKey,
    ) -> None:
        super().__init__(scope, id_, description="Millrace: scores uploaded files with the live model")
        self._raw, self._artifacts, self._key = raw_bucket, artifact_bucket, artifact_key
        self._names = [model.name for model in models]
        self._resolve_champion_arn = resolve_champion_arn
        LogGroup(self, "TransformJobLogs", name=TRANSFORM_LOGS, naming=naming, key=key)
        codes = {model.name: StepCode(self, f"Code-{model.name}", model_spec=model.spec()) for model in models}
        job_role = ServiceRole(
            self,
            "JobRole",
            name=naming.of("batch-job"),
            service="sagemaker.amazonaws.com",
            acting_for=self._arn("sagemaker", "*"),
            statements=self._job_statements(list(codes.values())),
            shared=[access.pull_images, access.report_metrics],
        )
        pipeline_role = ServiceRole(
            self,
            "PipelineRole",
            name=naming.of("batch-pipeline"),
            service="sagemaker.amazonaws.com",
            acting_for=self._arn("sagemaker", "*"),
            statements=self._pipeline_statements(job_role.arn),
            shared=[access.pull_images],  # making a model checks that whoever makes it may use the image
        )
        for model in models:
            self._pipeline(model, codes[model.name], pipeline_role.arn, job_role.arn)
        self.worker = self._worker(naming, models, key)
        send_on_schedule(
            self,
            self.worker,
            naming=naming,
            prefix="batch-",
            description="Starts the batch pipelines on uploads that no event told of",
            message={"sweep": self._names},
        )

    def _pipeline(self, model: ModelSettings, code: StepCode, role_arn: str, job_role_arn: str) -> None:
        """The definition is built and checked with stand-ins; only then do tokens take their place."""
        name = definition_batch.pipeline_name(model.name)
        text = definition_batch.build(model, region=self.region)
        require_valid(text, pipeline=name)
        values = {
            "job_role": job_role_arn,
            "kms_key": self._key.key_arn,
            "artifact_bucket": self._artifacts.bucket_name,
            "code_bucket": code.bucket,
            "code_zip_key": code.zip_key,
            "resolve_champion": self._resolve_champion_arn,
        }
        sagemaker.CfnPipeline(
            self,
            f"Pipeline-{model.name}",
            pipeline_name=name,
            pipeline_display_name=name,
            pipeline_description=f"Score a file with the live model of {model.name}",
            pipeline_definition={"PipelineDefinitionBody": definition_batch.fill(text, values)},
            role_arn=role_arn,
        )

    def _worker(self, naming: Naming, models: Sequence[ModelSettings], key: kms.IKey) -> WorkerQueue:
        worker = Worker(
            package="start_batch",
            description="Copies an uploaded file and starts the batch pipeline of its model on it",
            timeout=Duration.minutes(5),
            memory_mb=256,
            environment={"RAW_BUCKET": self._raw.bucket_name, "ARTIFACT_BUCKET": self._artifacts.bucket_name},
            files={"models.json": {model.name: batch_spec(model) for model in models}},
            statements=self._worker_statements(),
            sends=True,
        )
        queue = WorkerQueue(self, "StartBatch", naming=naming, worker=worker, key=key)
        queue.receive(*(self._upload_rule(naming, model) for model in models))
        return queue

    def _upload_rule(self, naming: Naming, model: ModelSettings) -> Rule:
        endings = [form for suffix in suffixes(model) for form in (suffix, suffix.upper())]
        return Rule(
            name=naming.of(f"batch-{model.name}"),
            description=f"A file to score with {model.name}",
            pattern={
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {
                    "bucket": {"name": [self._raw.bucket_name]},
                    # A prefix and a suffix in one pattern; a form such as .Csv is found by the schedule.
                    "object": {"key": [{"wildcard": f"{BATCH}{model.name}/*{ending}"} for ending in endings]},
                },
            },
        )

    def _worker_statements(self) -> list[iam.PolicyStatement]:
        """Read given versions of uploads, copy them server-side, leave markers, start runs and find started ones."""
        written = _below("inputs", "started")
        pipelines = [self._arn("sagemaker", "pipeline", definition_batch.pipeline_name(name)) for name in self._names]
        return [
            allow("s3:ListBucketVersions", on=[self._raw.bucket_arn], when={"StringLike": {"s3:prefix": f"{BATCH}*"}}),
            allow("s3:GetObject", "s3:GetObjectVersion", on=[self._raw.arn_for_objects(f"{BATCH}*")]),
            list_objects(self._artifacts, *written),
            write_objects(self._artifacts, *written),
            use_key(self._key),
            allow("sagemaker:ListPipelineExecutions", "sagemaker:StartPipelineExecution", on=pipelines),
        ]

    def _job_statements(self, codes: Sequence[StepCode]) -> list[iam.PolicyStatement]:
        """Read inputs, models and code, write rows and results; the rest is what SageMaker does in the role's name."""
        return [
            *read_objects(self._artifacts, *_below("inputs", "rows")),
            allow("s3:GetObject", on=[self._artifacts.arn_for_objects(MODELS)]),
            allow("s3:ListBucket", on=[self._artifacts.bucket_arn], when={"StringLike": {"s3:prefix": MODELS}}),
            write_objects(self._artifacts, *_below("rows", "quarantine", "outputs")),
            *read_assets(self, codes[0].bucket, *(code.zip_key for code in codes)),
            use_key(self._key),
            *encrypt_volumes(self._key),
            allow("kms:Encrypt", on=[self._key.key_arn]),  # SageMaker's own, for the outputs
            write_logs(self, PROCESSING_LOGS, TRANSFORM_LOGS),
        ]

    def _pipeline_statements(self, job_role_arn: str) -> list[iam.PolicyStatement]:
        """Ask which model is live; create, watch and stop the steps' jobs, and make the model they run."""
        jobs = {kind: self._arn("sagemaker", resource, "pipelines-*") for resource, kind in JOBS.items()}
        models = self._arn("sagemaker", "model", "pipelines-*")
        return [
            *(
                allow(f"sagemaker:Create{kind}", f"sagemaker:Describe{kind}", f"sagemaker:Stop{kind}", on=[arn])
                for kind, arn in jobs.items()
            ),
            allow("sagemaker:CreateModel", "sagemaker:DescribeModel", on=[models]),
            allow("sagemaker:AddTags", on=[*jobs.values(), models]),
            allow("lambda:InvokeFunction", on=[self._resolve_champion_arn]),
            pass_role(job_role_arn, to="sagemaker.amazonaws.com"),
        ]

    def _arn(self, service: str, resource: str, name: str | None = None) -> str:
        form = ArnFormat.SLASH_RESOURCE_NAME if name else ArnFormat.NO_RESOURCE_NAME
        return self.format_arn(service=service, resource=resource, resource_name=name, arn_format=form)


def _below(*purposes: str) -> list[str]:
    """The prefixes of all models: they share their roles, and a policy holds 6,144 characters."""
    return [f"{BATCH}*/{purpose}/" for purpose in purposes]


def batch_spec(model: ModelSettings) -> Mapping[str, Any]:
    """What `start_batch` needs to know of a model, as it stands in its `models.json`."""
    return {
        "pipeline": definition_batch.pipeline_name(model.name),
        "suffixes": list(suffixes(model)),
        "largest_file_mb": model.trigger.largest_file_mb,
    }


def suffixes(model: ModelSettings) -> tuple[str, ...]:
    """The endings of the model's own tables, and JSON Lines."""
    return tuple(dict.fromkeys((*model.trigger.suffixes, *JSON_LINES)))
