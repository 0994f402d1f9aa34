"""CreateProcessingJob, CreateTrainingJob and the operations around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from millrace.local.iam.services import SAGEMAKER_JOB
from millrace.local.sagemaker import events
from millrace.local.sagemaker.jobs.processing import ProcessingWork
from millrace.local.sagemaker.jobs.rights import Rights
from millrace.local.sagemaker.jobs.runner import Jobs, MakeWork
from millrace.local.sagemaker.jobs.training import TrainingWork, transition
from millrace.local.sagemaker.kinds import PROCESSING_JOB, TRAINING_JOB, TRANSFORM_JOB, Kind
from millrace.local.sagemaker.own_metrics import with_own_metrics
from millrace.local.sagemaker.resources import Resources
from millrace.local.sagemaker.store import Place, Record
from millrace.local.service import Caller, Handler, ServiceError

WORK: dict[str, MakeWork] = {"ProcessingJob": ProcessingWork, "TrainingJob": TrainingWork}
INTERRUPTED = "InternalServerError: the embedded AWS was stopped while the job ran"
ENDED = ("Completed", "Failed", "Stopped")


class JobOperations:
    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._world = resources.world
        self._store = resources.store
        self.jobs = Jobs(self._world, self._store)

    @property
    def operations(self) -> Mapping[str, Handler]:
        handlers: dict[str, Handler] = {
            "CreateProcessingJob": self.create_processing_job,
            "CreateTrainingJob": self.create_training_job,
        }
        for kind in (PROCESSING_JOB, TRAINING_JOB):
            handlers[f"Describe{kind.name}"] = self._resources.describe(kind)
            handlers[f"List{kind.plural}"] = self._resources.lister(kind)
            handlers[f"Stop{kind.name}"] = self._stopper(kind)
            handlers[f"Delete{kind.name}"] = self._deleter(kind)
        return handlers

    def create_processing_job(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return self._create(PROCESSING_JOB, caller, params)

    def create_training_job(self, caller: Caller, params: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """`fields` are what the job's record has beyond the request: a tuning job sets some."""
        if params["ResourceConfig"].get("InstanceGroups"):
            raise ServiceError("ValidationException", "InstanceGroups are not available in the embedded AWS")
        if params.get("CheckpointConfig"):
            raise ServiceError("ValidationException", "CheckpointConfig is not available in the embedded AWS")
        params = {
            **params,
            "AlgorithmSpecification": with_own_metrics(params["AlgorithmSpecification"]),
            # Described even where none is given: the SageMaker SDK asks for it by its name.
            "OutputDataConfig": {"KmsKeyId": "", **params["OutputDataConfig"]},
        }
        starting = transition({}, "Starting", self._world.clock.datetime())
        return self._create(
            TRAINING_JOB, caller, params, SecondaryStatus="Starting", SecondaryStatusTransitions=starting, **fields
        )

    def _create(self, kind: Kind, caller: Caller, params: dict[str, Any], **fields: Any) -> dict[str, Any]:
        arn = kind.arn(Place.of(caller), params[kind.key])
        role = self._resources.check_role(params["RoleArn"], SAGEMAKER_JOB, on=arn)
        rights = Rights(self._world, role, self._world.iam.identify(caller.access_key))
        fields[str(kind.status)] = "InProgress"
        record = self._resources.new(kind, caller, params, **fields)
        events.publish(self._world, self._store, kind, record)
        self.jobs.start(kind, Place.of(caller), record, WORK[kind.name], rights)
        return {kind.arn_key: record[kind.arn_key]}

    def _stopper(self, kind: Kind) -> Handler:
        def stop(caller: Caller, params: dict[str, Any]) -> None:
            self.stop(kind, Place.of(caller), params[kind.key])

        return stop

    def stop(self, kind: Kind, place: Place, name: str) -> None:
        """Ask a running job to end; refused when it has ended."""
        with self._store.lock:
            record = self._resources.get(kind, place, name)
            status = record[str(kind.status)]
            if status in ENDED:
                raise ServiceError(
                    "ValidationException",
                    f"The request was rejected because the {kind.path.replace('-', ' ')} is in status {status}",
                )
            if status == "Stopping":
                return
            record = self._store.update(place, kind.name, name, **self._stopping(kind, record)) or record
        events.publish(self._world, self._store, kind, record)
        self.jobs.stop(kind, place, name)

    def _stopping(self, kind: Kind, record: Record) -> dict[str, Any]:
        now = self._world.clock.datetime()
        fields: dict[str, Any] = {str(kind.status): "Stopping", "LastModifiedTime": now}
        if kind is TRAINING_JOB:
            fields["SecondaryStatus"] = "Stopping"
            fields["SecondaryStatusTransitions"] = transition(record, "Stopping", now)
        return fields

    def _deleter(self, kind: Kind) -> Handler:
        def delete(caller: Caller, params: dict[str, Any]) -> None:
            place, name = Place.of(caller), params[kind.key]
            record = self._resources.get(kind, place, name)
            if record[str(kind.status)] not in ENDED:
                raise ServiceError("ResourceInUse", f"{record[kind.arn_key]} is still running. Stop it first.")
            self._resources.remove(kind, place, name)

        return delete

    def resume(self) -> None:
        """After a start: jobs that ran when the server ended will never end by themselves."""
        now = self._world.clock.datetime()
        ends = {PROCESSING_JOB: "ProcessingEndTime", TRAINING_JOB: "TrainingEndTime", TRANSFORM_JOB: "TransformEndTime"}
        for kind, end in ends.items():
            for place, name, record in self._store.everywhere(kind.name):
                if record[str(kind.status)] in ENDED:
                    continue
                fields: dict[str, Any] = {str(kind.status): "Failed", end: now, "LastModifiedTime": now}
                if kind is TRAINING_JOB:
                    fields["SecondaryStatus"] = "Failed"
                    fields["SecondaryStatusTransitions"] = transition(record, "Failed", now, end=True)
                self._store.update(place, kind.name, name, FailureReason=INTERRUPTED, **fields)
