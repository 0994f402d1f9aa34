"""What starts a run: an upload to the raw bucket, or the schedule. Both reach one queue and one function."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from settings import ModelSettings
from stacks.naming import Naming
from stacks.permissions import allow, write_objects
from stacks.service_role import ServiceRole
from stacks.worker_queue import WorkerQueue

RAW, INPUTS = "raw/", "inputs/"


class TriggerStack(Stack):
    """Upload -> EventBridge rule -> queue -> `start_pipeline`; the schedule sends to the same queue."""

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
    ) -> None:
        super().__init__(scope, id_, description="Millrace: starts a run when there is new data")
        worker = WorkerQueue(
            self,
            "StartPipeline",
            naming=naming,
            package="start_pipeline",
            description="Copies a complete data set to the artifact bucket and starts the pipeline on it",
            key=key,
            timeout=Duration.minutes(2),
            environment={
                "RAW_BUCKET": raw_bucket.bucket_name,
                "ARTIFACT_BUCKET": artifact_bucket.bucket_name,
                "MODELS": json.dumps({model.name: list(model.data.tables) for model in models}),
            },
            statements=[
                *_copy_statements(raw_bucket, artifact_bucket),
                allow(
                    "sagemaker:StartPipelineExecution",
                    on=[self._arn("sagemaker", "pipeline", model.name) for model in models],
                ),
            ],
        )
        worker.receive(
            "Upload",
            description="New raw data",
            pattern={
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {
                    "bucket": {"name": [raw_bucket.bucket_name]},
                    "object": {"key": [{"prefix": RAW}]},
                },
            },
        )
        self._schedule(naming, models, worker)

    def _schedule(self, naming: Naming, models: Sequence[ModelSettings], worker: WorkerQueue) -> None:
        role = ServiceRole(
            self,
            "SchedulerRole",
            name=naming.of("scheduler"),
            service="scheduler.amazonaws.com",
            acting_for=self._arn("scheduler", "schedule-group", "default"),  # it names the group, not the schedule
            statements=worker.send_statements(),
        )
        names = [model.name for model in models]
        scheduler.CfnSchedule(
            self,
            "Schedule",
            name=naming.of("hourly"),
            description="Looks for new data even if no upload was noticed",
            schedule_expression=naming.account.schedule,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            state="ENABLED",
            target=scheduler.CfnSchedule.TargetProperty(
                arn=worker.queue.queue_arn,
                role_arn=role.arn,
                input=json.dumps({"models": names, "scheduled_time": "<aws.scheduler.scheduled-time>"}),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=worker.dead_letters.queue_arn),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=3600, maximum_retry_attempts=10
                ),
            ),
        )

    def _arn(self, service: str, resource: str, name: str) -> str:
        return self.format_arn(
            service=service, resource=resource, resource_name=name, arn_format=ArnFormat.SLASH_RESOURCE_NAME
        )


def _copy_statements(raw: s3.IBucket, artifacts: s3.IBucket) -> list[iam.PolicyStatement]:
    """Read given versions of raw objects, and copy them server-side under inputs/."""
    return [
        allow("s3:ListBucketVersions", on=[raw.bucket_arn], when={"StringLike": {"s3:prefix": f"{RAW}*"}}),
        allow("s3:GetObject", "s3:GetObjectVersion", on=[raw.arn_for_objects(f"{RAW}*")]),
        allow("s3:ListBucket", on=[artifacts.bucket_arn], when={"StringLike": {"s3:prefix": f"{INPUTS}*"}}),
        write_objects(artifacts, INPUTS),
    ]
