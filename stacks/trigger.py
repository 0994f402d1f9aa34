"""What starts a run: an upload, the end of the run before, or the schedule. All reach one queue and one function."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aws_cdk import ArnFormat, CfnOutput, Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from settings import ModelSettings
from stacks.account_stack import AccountStack
from stacks.hourly_schedule import send_on_schedule
from stacks.naming import Naming
from stacks.permissions import allow, read_objects, use_key, write_objects
from stacks.worker_queue import Rule, Worker, WorkerQueue

RAW, INPUTS, QUARANTINE = "raw/", "inputs/", "quarantine/"
NAMESPACE = "Millrace/Trigger"
"""Of the metrics that `start_pipeline` reports; `watch.py` makes alarms of them."""
MODELS = "models.json"
ENDED = ("Succeeded", "Failed", "Stopped")


class TriggerStack(AccountStack):
    """Upload, end of a run -> EventBridge rules -> queue -> `start_pipeline`; the schedule sends to the same queue."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        naming: Naming,
        models: Sequence[ModelSettings],
        key: kms.IKey,
        raw_bucket: s3.IBucket,
        artifact_bucket: s3.IBucket,
        artifact_key: kms.IKey,
        ledger: dynamodb.ITable,
    ) -> None:
        super().__init__(scope, id_, description="Millrace: starts a run when there is new data")
        worker = Worker(
            package="start_pipeline",
            description="Keeps the ledger of all files, copies what is new and starts the pipeline on it",
            timeout=Duration.minutes(5),
            memory_mb=256,
            environment={
                "RAW_BUCKET": raw_bucket.bucket_name,
                "ARTIFACT_BUCKET": artifact_bucket.bucket_name,
                "LEDGER_TABLE": ledger.table_name,
            },
            files={MODELS: {model.name: model.trigger_spec() for model in models}},
            statements=[
                *_file_statements(raw_bucket, artifact_bucket),
                use_key(artifact_key),
                _ledger_statement(ledger),
                *self._run_statements([model.name for model in models]),
                _metric_statement(),
            ],
            sends=True,
        )
        self.worker = WorkerQueue(self, "StartPipeline", naming=naming, worker=worker, key=key)
        self.worker.receive(
            *(rule for model in models for rule in self._rules(naming, model, raw_bucket)),
        )
        send_on_schedule(
            self,
            self.worker,
            naming=naming,
            prefix="",
            description="Compares the raw bucket with the ledger, for what no event told",
            message={
                "models": [model.name for model in models],
                "scheduled_time": "<aws.scheduler.scheduled-time>",
            },
        )
        self._tell(models)

    def _rules(self, naming: Naming, model: ModelSettings, raw_bucket: s3.IBucket) -> list[Rule]:
        """Two for each model; the raw bucket also announces what the rules leave out, such as a .tmp file."""
        endings = [form for suffix in model.trigger.suffixes for form in (suffix, suffix.upper())]
        upload = Rule(
            name=naming.of(f"upload-{model.name}"),
            description=f"New raw data of {model.name}",
            pattern={
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {
                    "bucket": {"name": [raw_bucket.bucket_name]},
                    # A prefix and a suffix in one pattern; a form such as .Csv is found by the schedule.
                    "object": {"key": [{"wildcard": f"{RAW}{model.name}/*{ending}"} for ending in endings]},
                },
            },
        )
        ended = Rule(
            name=naming.of(f"run-end-{model.name}"),
            description=f"A run of {model.name} has ended, so the next one may start",
            pattern={
                "source": ["aws.sagemaker"],
                "detail-type": ["SageMaker Model Building Pipeline Execution Status Change"],
                "detail": {
                    "pipelineArn": [self._arn("sagemaker", "pipeline", model.name)],
                    "currentPipelineExecutionStatus": list(ENDED),
                },
            },
        )
        return [upload, ended]

    def _run_statements(self, names: Sequence[str]) -> list[iam.PolicyStatement]:
        """Start the pipelines, know what became of each run, and stop one that never ends."""
        return [
            allow(
                "sagemaker:ListPipelineExecutions",
                "sagemaker:StartPipelineExecution",
                on=[self._arn("sagemaker", "pipeline", name) for name in names],
            ),
            allow(
                "sagemaker:DescribePipelineExecution",
                "sagemaker:StopPipelineExecution",
                on=[self._arn("sagemaker", "pipeline", f"{name}/execution/*") for name in names],
            ),
        ]

    def _tell(self, models: Sequence[ModelSettings]) -> None:
        """What the command line asks a deployed account for; it never reads the settings."""
        for number, model in enumerate(models):
            told = {
                "model": model.name,
                "tables": list(model.data.tables),
                "suffixes": list(model.trigger.suffixes),
                "debounce_seconds": model.trigger.debounce_seconds,
            }
            CfnOutput(self, f"Model{number}", value=json.dumps(told), description="What the command line reads")

    def _arn(self, service: str, resource: str, name: str) -> str:
        return self.format_arn(
            service=service, resource=resource, resource_name=name, arn_format=ArnFormat.SLASH_RESOURCE_NAME
        )


def _file_statements(raw: s3.IBucket, artifacts: s3.IBucket) -> list[iam.PolicyStatement]:
    """Read given versions of raw objects; copy them server-side to inputs/, or to quarantine/ with the reason."""
    return [
        allow("s3:ListBucketVersions", on=[raw.bucket_arn], when={"StringLike": {"s3:prefix": f"{RAW}*"}}),
        allow("s3:GetObject", "s3:GetObjectVersion", on=[raw.arn_for_objects(f"{RAW}*")]),
        *read_objects(artifacts, INPUTS),
        write_objects(artifacts, INPUTS, QUARANTINE),
    ]


def _ledger_statement(ledger: dynamodb.ITable) -> iam.PolicyStatement:
    """Rows are written and read one by one, by model, or in one transaction; never is the whole table read."""
    return allow(
        "dynamodb:ConditionCheckItem",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        on=[ledger.table_arn],
    )


def _metric_statement() -> iam.PolicyStatement:
    return allow(
        "cloudwatch:PutMetricData",
        on=["*"],  # the action knows no resources; the namespace is its only limit
        when={"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
    )
