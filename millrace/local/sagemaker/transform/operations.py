"""CreateTransformJob and the operations around it. `SageMaker` (the service) serves them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from millrace.local.iam.services import SAGEMAKER_HOSTING
from millrace.local.sagemaker import events
from millrace.local.sagemaker.jobs.operations import JobOperations
from millrace.local.sagemaker.jobs.rights import Rights
from millrace.local.sagemaker.kinds import TRANSFORM_JOB
from millrace.local.sagemaker.resources import Resources
from millrace.local.sagemaker.store import Place
from millrace.local.sagemaker.transform.request import read_request
from millrace.local.sagemaker.transform.work import PLAN, TransformWork
from millrace.local.service import Caller, Handler
from millrace.local.serving.plan import batch_plan


class TransformOperations:
    def __init__(self, resources: Resources, jobs: JobOperations) -> None:
        self._resources = resources
        self._world = resources.world
        self._store = resources.store
        self._jobs = jobs

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreateTransformJob": self.create,
            "DescribeTransformJob": self._resources.describe(TRANSFORM_JOB),
            "ListTransformJobs": self._resources.lister(TRANSFORM_JOB),
            "StopTransformJob": self.stop,
        }

    def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """The job works with the rights of its model's role."""
        transform, place = read_request(params), Place.of(caller)
        plan = batch_plan(self._resources, caller, params["ModelName"], transform.environment)
        arn = TRANSFORM_JOB.arn(place, params[TRANSFORM_JOB.key])
        role = self._resources.check_role(plan.role, SAGEMAKER_HOSTING, on=arn)
        rights = Rights(self._world, role, self._world.iam.identify(caller.access_key))
        fields = {"TransformJobStatus": "InProgress", PLAN: plan.dump()}
        record = self._resources.new(TRANSFORM_JOB, caller, params, **fields)
        events.publish(self._world, self._store, TRANSFORM_JOB, record)
        self._jobs.jobs.start(TRANSFORM_JOB, place, record, TransformWork, rights)
        return {"TransformJobArn": record["TransformJobArn"]}

    def stop(self, caller: Caller, params: dict[str, Any]) -> None:
        self._jobs.stop(TRANSFORM_JOB, Place.of(caller), params[TRANSFORM_JOB.key])
