"""The SageMaker services of the embedded AWS, put together from their parts. `millrace.local.server` makes them."""

from __future__ import annotations

from collections.abc import Mapping

from millrace.local.iam import moto_tags
from millrace.local.sagemaker.jobs.operations import JobOperations
from millrace.local.sagemaker.kinds import MODEL_PACKAGE, MODEL_PACKAGE_GROUP
from millrace.local.sagemaker.models import Models
from millrace.local.sagemaker.pipelines.service import PipelineOperations
from millrace.local.sagemaker.registry import Registry, condition_keys
from millrace.local.sagemaker.resources import Resources
from millrace.local.sagemaker.store import Place, Store
from millrace.local.sagemaker.tags import TagOperations
from millrace.local.sagemaker.transform.operations import TransformOperations
from millrace.local.sagemaker.tuning.operations import TuningOperations
from millrace.local.service import Handler
from millrace.local.serving.endpoints import Endpoints
from millrace.local.serving.runtime import RuntimeOperations
from millrace.local.world import World


class SageMaker:
    """The control plane: whatever it does not have is refused."""

    name = "sagemaker"
    complete = True

    def __init__(self, world: World) -> None:
        self.store = Store()
        resources = Resources(world, self.store)
        registry = Registry(resources)
        self.jobs = JobOperations(resources)
        self.endpoints = Endpoints(resources)
        self.pipelines = PipelineOperations(world, self.store)
        self.tuning = TuningOperations(resources, self.jobs)
        transform = TransformOperations(resources, self.jobs)
        models = Models(resources, registry)
        parts = (self.jobs, self.tuning, transform, registry, models, self.endpoints, self.pipelines)
        self._operations = dict(TagOperations(self.store).operations)
        for part in parts:
            self._operations.update(part.operations)

    @property
    def operations(self) -> Mapping[str, Handler]:
        return self._operations

    def group_policy(self, arn: str) -> str:
        """The policy of a model package group, or "": the gate asks for it."""
        group = self.store.find(Place.of_arn(arn), MODEL_PACKAGE_GROUP.name, arn.rsplit("/", 1)[-1])
        return str((group or {}).get("_policy") or "")

    def package_keys(self, arn: str) -> Mapping[str, str]:
        """Condition keys that tell what a model package is now."""
        package = self.store.find(Place.of_arn(arn), MODEL_PACKAGE.name, arn.split(":model-package/", 1)[1])
        return condition_keys(package or {})

    def tags(self, arn: str) -> Mapping[str, str]:
        """Tags by which a policy may tell resources apart: ours, and those of moto's services."""
        return self.store.tags(arn) if arn.startswith("arn:aws:sagemaker:") else moto_tags.of(arn)

    def start(self) -> None:
        """After the saved state was loaded: jobs that ran are over, endpoints serve again."""
        self.jobs.resume()
        self.tuning.resume()
        self.endpoints.resume()
        self.pipelines.resume()

    def stop(self) -> None:
        with self.store.changed:
            self.store.changed.notify_all()
        self.endpoints.stop()


class SageMakerRuntime:
    """InvokeEndpoint, through the endpoints of a SageMaker."""

    name = "sagemaker-runtime"
    complete = True

    def __init__(self, world: World, sagemaker: SageMaker) -> None:
        self._runtime = RuntimeOperations(world, sagemaker.store, sagemaker.endpoints)

    @property
    def operations(self) -> Mapping[str, Handler]:
        return self._runtime.operations
