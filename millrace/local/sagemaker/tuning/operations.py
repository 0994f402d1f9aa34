"""CreateHyperParameterTuningJob and the operations around it. `SageMaker` (the service) serves them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from millrace.local.iam.services import SAGEMAKER_JOB
from millrace.local.sagemaker import events, shapes
from millrace.local.sagemaker.jobs.operations import ENDED, INTERRUPTED, JobOperations
from millrace.local.sagemaker.kinds import TRAINING_JOB, TUNING_JOB
from millrace.local.sagemaker.resources import Resources, paginate
from millrace.local.sagemaker.store import Place, Record
from millrace.local.sagemaker.tuning.request import read_request
from millrace.local.sagemaker.tuning.trials import summary
from millrace.local.sagemaker.tuning.tuner import Tuner
from millrace.local.service import Caller, Handler, ServiceError

STATUS = "HyperParameterTuningJobStatus"
NONE_YET = {
    "TrainingJobStatusCounters": dict.fromkeys(
        ("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped"), 0
    ),
    "ObjectiveStatusCounters": dict.fromkeys(("Succeeded", "Pending", "Failed"), 0),
}


class TuningOperations:
    def __init__(self, resources: Resources, jobs: JobOperations) -> None:
        self._resources = resources
        self._world = resources.world
        self._store = resources.store
        self._jobs = jobs

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreateHyperParameterTuningJob": self.create,
            "DescribeHyperParameterTuningJob": self._resources.describe(TUNING_JOB),
            "ListHyperParameterTuningJobs": self._resources.lister(TUNING_JOB),
            "StopHyperParameterTuningJob": self.stop,
            "DeleteHyperParameterTuningJob": self.delete,
            "ListTrainingJobsForHyperParameterTuningJob": self.list_training_jobs,
        }

    def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        tuning = read_request(params)
        arn = TUNING_JOB.arn(Place.of(caller), params[TUNING_JOB.key])
        self._resources.check_role(tuning.training["RoleArn"], SAGEMAKER_JOB, on=arn)
        fields = {STATUS: "InProgress", "Strategy": tuning.strategy, "ResourceLimits": _limits(params), **NONE_YET}
        record = self._resources.new(TUNING_JOB, caller, params, **fields)
        events.publish(self._world, self._store, TUNING_JOB, record)
        tuner = Tuner(self._world, self._store, self._jobs, caller, record, tuning)
        self._world.spawn(tuner.run, name=f"tuning job {params[TUNING_JOB.key]}")
        return {"HyperParameterTuningJobArn": record["HyperParameterTuningJobArn"]}

    def stop(self, caller: Caller, params: dict[str, Any]) -> None:
        place, name = Place.of(caller), params[TUNING_JOB.key]
        with self._store.lock:
            status = self._resources.get(TUNING_JOB, place, name)[STATUS]
            if status in ENDED:
                raise ServiceError(
                    "ValidationException",
                    f"The request was rejected because the hyper parameter tuning job is in status {status}",
                )
            if status == "Stopping":
                return
            now = self._world.clock.datetime()
            record = self._store.update(place, TUNING_JOB.name, name, LastModifiedTime=now, **{STATUS: "Stopping"})
        if record is not None:
            events.publish(self._world, self._store, TUNING_JOB, record)

    def delete(self, caller: Caller, params: dict[str, Any]) -> None:
        place, name = Place.of(caller), params[TUNING_JOB.key]
        record = self._resources.get(TUNING_JOB, place, name)
        if record[STATUS] not in ENDED:
            raise ServiceError("ResourceInUse", f"{record[TUNING_JOB.arn_key]} is still running. Stop it first.")
        self._resources.remove(TUNING_JOB, place, name)

    def list_training_jobs(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        place = Place.of(caller)
        job = self._resources.get(TUNING_JOB, place, params[TUNING_JOB.key])
        objective = job["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
        found = [
            summary(record, objective)
            for record in self._store.all(place, TRAINING_JOB.name)
            if record.get("TuningJobArn") == job["HyperParameterTuningJobArn"]
            and params.get("StatusEquals") in (None, record["TrainingJobStatus"])
        ]
        ordered = sorted(
            found,
            key=_order(params.get("SortBy", "Name"), best_high=objective["Type"] == "Maximize"),
            reverse=params.get("SortOrder", "Ascending") == "Descending",
        )
        member, shape = shapes.summaries("ListTrainingJobsForHyperParameterTuningJob")
        return paginate(member, [shapes.trim(shape, each) for each in ordered], params)

    def resume(self) -> None:
        """After a start: tuning jobs that ran when the server ended have failed, like their training jobs."""
        now = self._world.clock.datetime()
        for place, name, record in self._store.everywhere(TUNING_JOB.name):
            if record[STATUS] not in ENDED:
                fields = {STATUS: "Failed", "FailureReason": INTERRUPTED, "HyperParameterTuningEndTime": now}
                self._store.update(place, TUNING_JOB.name, name, LastModifiedTime=now, **fields)


def _limits(params: dict[str, Any]) -> Any:
    return params["HyperParameterTuningJobConfig"]["ResourceLimits"]


def _order(by: str, *, best_high: bool) -> Callable[[Record], Any]:
    if by == "FinalObjectiveMetricValue":
        # Jobs without a value come last whatever the objective: Descending for Maximize, Ascending for Minimize.
        missing = -math.inf if best_high else math.inf
        return lambda each: each.get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value", missing)
    field = {"Name": "TrainingJobName", "Status": "TrainingJobStatus"}.get(by, by)
    return lambda each: each[field]
