"""What an execution has done so far, in the store, with an EventBridge event for every change of a status.

The runner writes here; the API operations and expressions read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from millrace.local.sagemaker.pipelines.definition import Step
from millrace.local.sagemaker.store import Place, Record, Store
from millrace.local.world import World

KIND = "PipelineExecution"
EXECUTING, STOPPING, STOPPED, FAILED, SUCCEEDED = "Executing", "Stopping", "Stopped", "Failed", "Succeeded"
UNFINISHED = (EXECUTING, STOPPING)
STEPS_FAILED = "Step failure: One or multiple steps failed."
REASON_CHARACTERS = 1024
EXECUTION_EVENT = "SageMaker Model Building Pipeline Execution Status Change"
STEP_EVENT = "SageMaker Model Building Pipeline Execution Step Status Change"


class Journal:
    """The record of one execution."""

    def __init__(self, world: World, store: Store, place: Place, execution_id: str) -> None:
        self._world = world
        self._store = store
        self.place = place
        self.execution_id = execution_id

    @property
    def record(self) -> Record:
        record = self._store.find(self.place, KIND, self.execution_id)
        if record is None:
            raise LookupError(f"pipeline execution {self.execution_id} is gone")
        return record

    @property
    def steps(self) -> dict[str, Record]:
        steps: dict[str, Record] = self.record["_Steps"]
        return steps

    def begin(self, record: Record) -> None:
        """Remember a new execution."""
        self._store.put(self.place, KIND, self.execution_id, record)
        self._publish_execution(record, None)

    def set_status(self, status: str, *, reason: str | None = None) -> None:
        """Change the execution's status; its end is remembered for the events."""
        with self._store.lock:
            before = self.record
            now = self._world.clock.datetime()
            fields: dict[str, Any] = {"PipelineExecutionStatus": status, "LastModifiedTime": now}
            fields["FailureReason"] = reason
            fields["_Ended"] = None if status in UNFINISHED else now
            after = self._store.update(self.place, KIND, self.execution_id, **fields)
        if after is not None and before["PipelineExecutionStatus"] != status:
            self._publish_execution(after, before["PipelineExecutionStatus"])

    def forget_steps(self, names: set[str]) -> None:
        """Remove steps that are to run again."""
        with self._store.lock:
            kept = {name: step for name, step in self.steps.items() if name not in names}
            self._store.update(self.place, KIND, self.execution_id, _Steps=kept)

    def start_step(self, step: Step) -> None:
        shown: dict[str, Any] = {
            "StepName": step.name,
            "StepDisplayName": step.display_name,
            "StepDescription": step.description,
            "StartTime": self._world.clock.datetime(),
            "StepStatus": EXECUTING,
            "AttemptCount": 1,
            "Metadata": {},
            "_Type": step.type,
        }
        self._change_step(step.name, shown)

    def end_step(self, name: str, status: str, *, reason: str | None, **fields: Any) -> None:
        ended = {"StepStatus": status, "EndTime": self._world.clock.datetime(), **fields}
        self._change_step(name, ended | {"FailureReason": reason[:REASON_CHARACTERS] if reason else None})

    def update_step(self, name: str, **fields: Any) -> None:
        self._change_step(name, fields)

    def stop_steps(self) -> None:
        """Show the running steps as Stopping."""
        for name, step in self.steps.items():
            if step["StepStatus"] == EXECUTING:
                self._change_step(name, {"StepStatus": STOPPING}, only_from=EXECUTING)

    def _change_step(self, name: str, fields: Mapping[str, Any], *, only_from: str | None = None) -> None:
        with self._store.lock:
            before = self.steps.get(name, {})
            if only_from is not None and before.get("StepStatus") != only_from:
                return
            after = {key: value for key, value in {**before, **fields}.items() if value is not None}
            record = self._store.update(self.place, KIND, self.execution_id, _Steps={**self.steps, name: after})
        if record is not None and before.get("StepStatus") != after["StepStatus"]:
            self._publish_step(record, after, before.get("StepStatus"))

    def _publish_execution(self, record: Record, previous: str | None) -> None:
        detail = {
            "pipelineExecutionDisplayName": record.get("PipelineExecutionDisplayName"),
            "pipelineExecutionDescription": record.get("PipelineExecutionDescription"),
            "currentPipelineExecutionStatus": record["PipelineExecutionStatus"],
            "previousPipelineExecutionStatus": previous,
            "executionStartTime": event_time(record["CreationTime"]),
            "executionEndTime": event_time(record.get("_Ended")),
        }
        self._publish(record, EXECUTION_EVENT, detail)

    def _publish_step(self, record: Record, step: Record, previous: str | None) -> None:
        detail = {
            "metadata": camel_case(step["Metadata"]),
            "stepStartTime": event_time(step["StartTime"]),
            "stepEndTime": event_time(step.get("EndTime")),
            "stepName": step["StepName"],
            "stepType": step["_Type"],
            "previousStepStatus": previous,
            "currentStepStatus": step["StepStatus"],
            "cacheHitResult": camel_case(step.get("CacheHitResult")),
            "failureReason": step.get("FailureReason"),
        }
        self._publish(record, STEP_EVENT, detail)

    def _publish(self, record: Record, detail_type: str, detail: dict[str, Any]) -> None:
        arns = {key: record[key[0].upper() + key[1:]] for key in ("pipelineArn", "pipelineExecutionArn")}
        self._world.publish(
            account=self.place.account,
            region=self.place.region,
            source="aws.sagemaker",
            detail_type=detail_type,
            detail={key: value for key, value in {**detail, **arns}.items() if value is not None},
            resources=list(arns.values()),
        )


def event_time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def camel_case(value: Any) -> Any:
    """Metadata with the lower-case first letters that its events have."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: camel_case(item) for key, item in value.items()}
    return [camel_case(item) for item in value] if isinstance(value, list) else value
