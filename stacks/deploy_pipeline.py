"""Deployment as a pipeline, for those who want to see it as steps: `<model>-deploy`. `deploy.py` makes it if asked to.

It deploys nothing itself: its first step calls `deploy_model`, its last one waits for that function's answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from pipeline_code import definition_deploy
from stacks.definition_validator import require_valid
from stacks.naming import Naming
from stacks.permissions import allow, use_key
from stacks.service_role import ServiceRole
from stacks.worker_queue import WorkerQueue


class DeployPipelines(Construct):
    """A pipeline for each of the models; they share `millrace-<account>-deploy-pipeline`."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        naming: Naming,
        models: Sequence[str],
        worker: WorkerQueue,
        key: kms.IKey,
    ) -> None:
        """`worker` is what deploys: its function is called, its queue gets the message of the step that waits."""
        super().__init__(scope, id_)
        anything = Stack.of(self).format_arn(service="sagemaker", resource="*", arn_format=ArnFormat.NO_RESOURCE_NAME)
        role = ServiceRole(
            self,
            "Role",
            name=naming.of("deploy-pipeline"),
            service="sagemaker.amazonaws.com",
            acting_for=anything,
            statements=[
                allow("lambda:InvokeFunction", on=[worker.function_arn]),
                allow("sqs:SendMessage", on=[worker.queue.queue_arn]),
                use_key(key),
            ],
        )
        values = {"deploy_model": worker.function_arn, "deploy_queue": worker.queue.queue_url}
        for model in models:
            name = definition_deploy.pipeline_name(model)
            text = definition_deploy.build(model, region=Stack.of(self).region)
            require_valid(text, pipeline=name)
            sagemaker.CfnPipeline(
                self,
                f"Pipeline-{model}",
                pipeline_name=name,
                pipeline_display_name=name,
                pipeline_description=f"Deploy an approved version of {model}, and wait until it is served and tested",
                pipeline_definition={"PipelineDefinitionBody": definition_deploy.fill(text, values)},
                role_arn=role.arn,
            )
