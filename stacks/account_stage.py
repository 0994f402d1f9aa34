"""Everything one account holds, and what flows between its stacks. `app.py` makes one Stage for each account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aws_cdk import Environment, Stage
from aws_cdk.aws_iam import PermissionsBoundary
from constructs import Construct

from pipeline_code import definition
from settings import AccountSettings, Settings
from stacks.access import AccessStack
from stacks.batch import BatchStack
from stacks.boundary import Uses
from stacks.build import BuildStack
from stacks.data import DataStack, ServingDataStack
from stacks.deploy import DeployStack
from stacks.grants import Grants
from stacks.model_pipeline import image_repository_arn
from stacks.naming import Naming, serving_stack_id
from stacks.pipeline_functions import PipelineFunctions
from stacks.registry import Registry
from stacks.serving import ServingStack
from stacks.trigger import TriggerStack
from stacks.watch import WatchStack
from stacks.worker_queue import WorkerQueue

PARTITION = "aws"


class AccountStage(Stage):
    """access, data -> deploy -> serving, one per model; watch. Where models are trained also build, trigger, batch.

    No stack needs another account's: each names what it reaches there, so that each account is deployed alone.
    """

    def __init__(self, scope: Construct, id_: str, *, account: AccountSettings, settings: Settings) -> None:
        super().__init__(scope, id_, env=Environment(account=account.account_id, region=account.region))
        self._settings, self._naming = settings, Naming(account)
        home = Naming(settings.training_account)
        self._registry = Registry(
            home,
            [model.name for model in settings.models],
            PARTITION,
            [each.name for each in settings.accounts],
        )
        away = [Naming(other) for other in settings.accounts if not other.trains]
        self._others = away if account.trains else []
        self._grants = Grants(self._registry, self._others)
        self._endpoints = settings.endpoints(account.name)
        by_pipeline = [model.name for model in settings.models if model.deploy.pipeline]
        self._by_pipeline = by_pipeline if account.trains else []
        captures = any(endpoint.capture_percent for endpoint in self._endpoints.values())
        self._access = AccessStack(
            self,
            "Access",
            naming=self._naming,
            registry=self._registry,
            uses=Uses(
                others=self._others,
                captures=captures,
                scales=any(endpoint.scales for endpoint in self._endpoints.values()),
                answers_pipelines=bool(self._by_pipeline),
            ),
            image_repositories=[image_repository_arn(PARTITION, definition.image_uri(account.region))],
        )
        PermissionsBoundary.of(self).apply(self._access.boundary)
        if account.trains:
            trained = DataStack(self, "Data", naming=self._naming, grants=self._grants, captures=captures)
            self._registry = replace(self._registry, key_arn=trained.artifact_key.key_arn)
            build = self._build(trained)
            trigger, batch = self._trigger(trained, build), self._batch(trained, build)
            deploy = self._deploy(trained)
            watch = self._watch(trained, deploy, [trigger.worker, batch.worker], [build.functions])
            watch.add_stack_dependency(trigger, "silence is an alarm")
            self._serve(trained, deploy)
        else:
            served = ServingDataStack(self, "Data", naming=self._naming, captures=captures)
            deploy = self._deploy(served)
            self._watch(served, deploy, [], [])
            self._serve(served, deploy)

    def _build(self, data: DataStack) -> BuildStack:
        return BuildStack(
            self,
            "Build",
            naming=self._naming,
            models=self._settings.models,
            access=self._access,
            grants=self._grants,
            endpoints={model: endpoint.endpoint_name(model) for model, endpoint in self._endpoints.items()},
            key=data.key,
            artifact_bucket=data.artifact_bucket,
            artifact_key=data.artifact_key,
        )

    def _trigger(self, data: DataStack, build: BuildStack) -> TriggerStack:
        trigger = TriggerStack(
            self,
            "Trigger",
            naming=self._naming,
            models=self._settings.models,
            key=data.key,
            raw_bucket=data.raw_bucket,
            artifact_bucket=data.artifact_bucket,
            artifact_key=data.artifact_key,
            ledger=data.ledger,
        )
        trigger.add_stack_dependency(build, "it starts the pipelines by name")
        return trigger

    def _batch(self, data: DataStack, build: BuildStack) -> BatchStack:
        return BatchStack(
            self,
            "Batch",
            naming=self._naming,
            models=self._settings.models,
            access=self._access,
            resolve_champion_arn=build.functions.resolve_champion_arn,
            key=data.key,
            raw_bucket=data.raw_bucket,
            artifact_bucket=data.artifact_bucket,
            artifact_key=data.artifact_key,
        )

    def _deploy(self, data: DataStack | ServingDataStack) -> DeployStack:
        return DeployStack(
            self,
            "Deploy",
            naming=self._naming,
            registry=self._registry,
            others=self._others,
            endpoints=self._endpoints,
            access=self._access,
            key=data.key,
            capture_bucket=data.capture_bucket,
            by_pipeline=self._by_pipeline,
        )

    def _watch(
        self,
        data: DataStack | ServingDataStack,
        deploy: DeployStack,
        workers: Sequence[WorkerQueue],
        functions: Sequence[PipelineFunctions],
    ) -> WatchStack:
        return WatchStack(
            self,
            "Watch",
            naming=self._naming,
            models=self._settings.models,
            workers=[*workers, *deploy.workers],
            functions=functions,
            forward=deploy.forward,
            key=data.key,
        )

    def _serve(self, data: DataStack | ServingDataStack, deploy: DeployStack) -> None:
        """One stack for each model."""
        for model in self._settings.models:
            ServingStack(
                self,
                serving_stack_id(model.name),
                naming=self._naming,
                model=model,
                endpoint=self._endpoints[model.name],
                execution_role_arn=deploy.endpoint_role.arn,
                key=data.key,
                network=self._naming.account.network,
                capture_bucket=data.capture_bucket,
            )
