"""Everything one account holds, and what flows between its stacks. `app.py` makes one Stage for each account."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Environment, Stage
from aws_cdk.aws_iam import PermissionsBoundary
from constructs import Construct

from pipeline_code import definition
from settings import AccountSettings, ModelSettings
from stacks.access import AccessStack
from stacks.batch import BatchStack
from stacks.build import BuildStack
from stacks.data import DataStack
from stacks.deploy import DeployStack
from stacks.model_pipeline import image_repository_arn
from stacks.naming import Naming, serving_stack_id
from stacks.serving import ServingStack
from stacks.trigger import TriggerStack
from stacks.watch import WatchStack


class AccountStage(Stage):
    """access, data -> build -> trigger, batch and access, data -> deploy -> serving, one per model; watch."""

    def __init__(
        self, scope: Construct, id_: str, *, account: AccountSettings, models: Sequence[ModelSettings]
    ) -> None:
        super().__init__(scope, id_, env=Environment(account=account.account_id, region=account.region))
        naming = Naming(account)
        images = [image_repository_arn("aws", definition.image_uri(account.region))]
        access = AccessStack(self, "Access", naming=naming, image_repositories=images)
        PermissionsBoundary.of(self).apply(access.boundary)
        data = DataStack(self, "Data", naming=naming)
        build = BuildStack(
            self,
            "Build",
            naming=naming,
            models=models,
            access=access,
            key=data.key,
            artifact_bucket=data.artifact_bucket,
        )
        trigger = TriggerStack(
            self,
            "Trigger",
            naming=naming,
            models=models,
            key=data.key,
            raw_bucket=data.raw_bucket,
            artifact_bucket=data.artifact_bucket,
            ledger=data.ledger,
        )
        trigger.add_stack_dependency(build, "it starts the pipelines by name")
        deploy = DeployStack(
            self,
            "Deploy",
            naming=naming,
            models=models,
            access=access,
            key=data.key,
            artifact_bucket=data.artifact_bucket,
        )
        batch = BatchStack(
            self,
            "Batch",
            naming=naming,
            models=models,
            access=access,
            resolve_champion_arn=build.functions.resolve_champion_arn,
            key=data.key,
            raw_bucket=data.raw_bucket,
            artifact_bucket=data.artifact_bucket,
        )
        watch = WatchStack(
            self,
            "Watch",
            naming=naming,
            models=models,
            workers=[trigger.worker, deploy.worker, batch.worker],
            functions=[build.functions],
            key=data.key,
        )
        watch.add_stack_dependency(trigger, "silence is an alarm")
        for model in models:
            ServingStack(
                self,
                serving_stack_id(model.name),
                model=model,
                execution_role_arn=deploy.endpoint_role.arn,
                key=data.key,
            )
