"""The operations on pipeline executions: start, stop, retry, and everything one can ask about them."""

from __future__ import annotations

import logging
import secrets
import string
import threading
from collections.abc import Mapping
from typing import Any

from millrace.local.sagemaker import shapes
from millrace.local.sagemaker.pipelines.checks import read_definition
from millrace.local.sagemaker.pipelines.errors import ParameterError
from millrace.local.sagemaker.pipelines.expressions import as_text
from millrace.local.sagemaker.pipelines.journal import (
    EXECUTING,
    FAILED,
    KIND,
    STOPPED,
    STOPPING,
    UNFINISHED,
    Journal,
)
from millrace.local.sagemaker.pipelines.parameters import bind
from millrace.local.sagemaker.pipelines.pipelines import KIND as PIPELINE
from millrace.local.sagemaker.pipelines.pipelines import find_pipeline, version_of, who
from millrace.local.sagemaker.pipelines.runner import Runner
from millrace.local.sagemaker.pipelines.selection import CONFIG, prepare
from millrace.local.sagemaker.resources import paginate
from millrace.local.sagemaker.store import Place, Record, Store
from millrace.local.service import Caller, Handler, ServiceError
from millrace.local.world import World

log = logging.getLogger("millrace.pipelines")

ID_CHARACTERS = 12
MOST_AT_ONCE = 20
INTERRUPTED = "InternalServerError: The embedded AWS was stopped while this ran. Retry or start it again."


class ExecutionOperations:
    """Holds the runners of what runs now; everything else is in the store."""

    def __init__(self, world: World, store: Store) -> None:
        self._world = world
        self._store = store
        self._lock = threading.Lock()
        self._runners: dict[str, Runner] = {}

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "StartPipelineExecution": self.start,
            "StopPipelineExecution": self.stop,
            "RetryPipelineExecution": self.retry,
            "UpdatePipelineExecution": self.update,
            "DescribePipelineExecution": self.describe,
            "DescribePipelineDefinitionForExecution": self.describe_definition,
            "ListPipelineExecutions": self.list,
            "ListPipelineExecutionSteps": self.list_steps,
            "ListPipelineParametersForExecution": self.list_parameters,
        }

    def start(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        _refuse_unsupported(params)
        place = Place.of(caller)
        with self._store.lock:
            pipeline = find_pipeline(self._store, place, params["PipelineName"])
            given = _given(params)
            if known := self._known(place, pipeline, params, given):
                return {"PipelineExecutionArn": known["PipelineExecutionArn"]}
            record = self._new(caller, pipeline, params, given)
            self._check_room(place)
            journal = Journal(self._world, self._store, place, record["_Id"])
            journal.begin(record)
            self._store.update(place, PIPELINE, pipeline["PipelineName"], LastRunTime=record["CreationTime"])
        self._run(journal)
        return {"PipelineExecutionArn": record["PipelineExecutionArn"]}

    def _known(self, place: Place, pipeline: Record, params: dict[str, Any], given: dict[str, str]) -> Record | None:
        """The execution that the same token started; refused when it was started with other parameters."""
        token = params["ClientRequestToken"]
        for record in self._store.all(place, KIND):
            if record["_Pipeline"] == pipeline["PipelineName"] and record["_Token"] == token:
                if record["_Given"] != given or record.get(CONFIG) != params.get(CONFIG):
                    raise ServiceError(
                        "ConflictException",
                        f"ClientRequestToken {token} was used before with other parameters, "
                        f"for {record['PipelineExecutionArn']}.",
                    )
                return record
        return None

    def _new(self, caller: Caller, pipeline: Record, params: dict[str, Any], given: dict[str, str]) -> Record:
        version = params.get("PipelineVersionId") or len(pipeline["_Versions"])
        text = version_of(pipeline, version)
        try:
            definition, graph = read_definition(text)
            bound = bind(definition.parameters, given)
        except ParameterError as error:
            raise ServiceError("ValidationException", str(error)) from error
        selective = params.get(CONFIG)
        steps = prepare(self._store, Place.of(caller), pipeline, graph, selective) if selective else {}
        now = self._world.clock.datetime()
        execution_id = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(ID_CHARACTERS))
        record = {
            "PipelineArn": pipeline["PipelineArn"],
            "PipelineExecutionArn": f"{pipeline['PipelineArn']}/execution/{execution_id}",
            "PipelineExecutionDisplayName": params.get("PipelineExecutionDisplayName")
            or f"execution-{int(now.timestamp() * 1000)}",
            "PipelineExecutionDescription": params.get("PipelineExecutionDescription"),
            "PipelineExecutionStatus": EXECUTING,
            "PipelineVersionId": version,
            "RoleArn": params.get("RoleArn") or pipeline["RoleArn"],
            "ParallelismConfiguration": params.get("ParallelismConfiguration")
            or pipeline.get("ParallelismConfiguration"),
            "CreationTime": now,
            "LastModifiedTime": now,
            "CreatedBy": who(caller),
            "LastModifiedBy": who(caller),
            "_Id": execution_id,
            "_Pipeline": pipeline["PipelineName"],
            "_Token": params["ClientRequestToken"],
            "_Given": given,
            "_Parameters": [{"Name": name, "Value": as_text(value)} for name, value in bound.items()],
            "_Definition": text,
            "_Steps": steps,
            CONFIG: selective,
        }
        return {key: value for key, value in record.items() if value is not None}

    def _check_room(self, place: Place) -> None:
        running = sum(each["PipelineExecutionStatus"] in UNFINISHED for each in self._store.all(place, KIND))
        if running >= MOST_AT_ONCE:
            raise ServiceError(
                "ResourceLimitExceeded",
                f"The account-level service limit 'Maximum number of concurrent pipeline executions' is "
                f"{MOST_AT_ONCE}, with current utilization of {running} and a request delta of 1.",
            )

    def _run(self, journal: Journal) -> None:
        runner = Runner(self._world, self._store, journal)
        with self._lock:
            self._runners[journal.execution_id] = runner
        if journal.record["PipelineExecutionStatus"] == STOPPING:
            runner.stop()
        self._world.spawn(self._drive, journal, runner, name=f"pipeline {journal.execution_id}")

    def _drive(self, journal: Journal, runner: Runner) -> None:
        try:
            runner.run()
        except Exception as error:
            log.exception("pipeline execution %s broke", journal.execution_id)
            journal.set_status(FAILED, reason=f"InternalServerError: {type(error).__name__}: {error}")
        finally:
            with self._lock:
                if self._runners.get(journal.execution_id) is runner:
                    del self._runners[journal.execution_id]

    def stop(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        journal, record = self._find(caller, params)
        with self._store.lock:
            status = journal.record["PipelineExecutionStatus"]
            if status not in UNFINISHED:
                raise ServiceError(
                    "ConflictException",
                    f"Pipeline execution {record['PipelineExecutionArn']} cannot be stopped: it is {status}.",
                )
            if status == EXECUTING:
                journal.set_status(STOPPING)
        with self._lock:
            runner = self._runners.get(journal.execution_id)
        if runner is not None:
            runner.stop()
        return {"PipelineExecutionArn": record["PipelineExecutionArn"]}

    def retry(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        journal, record = self._find(caller, params)
        with self._store.lock:
            status = journal.record["PipelineExecutionStatus"]
            if journal.record.get("_RetryToken") == params["ClientRequestToken"]:
                return {"PipelineExecutionArn": record["PipelineExecutionArn"]}
            if status not in (FAILED, STOPPED):
                raise ServiceError(
                    "ConflictException",
                    f"Pipeline execution {record['PipelineExecutionArn']} cannot be retried: it is {status}.",
                )
            self._check_room(journal.place)
            journal.set_status(EXECUTING)
            fields = {"_RetryToken": params["ClientRequestToken"]}
            if params.get("ParallelismConfiguration"):
                fields["ParallelismConfiguration"] = params["ParallelismConfiguration"]
            self._store.update(journal.place, KIND, journal.execution_id, **fields)
        self._run(journal)
        return {"PipelineExecutionArn": record["PipelineExecutionArn"]}

    def update(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        journal, record = self._find(caller, params)
        fields = {key: value for key, value in params.items() if key != "PipelineExecutionArn"}
        fields |= {"LastModifiedTime": self._world.clock.datetime(), "LastModifiedBy": who(caller)}
        self._store.update(journal.place, KIND, journal.execution_id, **fields)
        with self._lock:
            runner = self._runners.get(journal.execution_id)
        if runner is not None and params.get("ParallelismConfiguration"):
            runner.set_parallel(params["ParallelismConfiguration"]["MaxParallelExecutionSteps"])
        return {"PipelineExecutionArn": record["PipelineExecutionArn"]}

    def describe(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return shapes.answer("DescribePipelineExecution", self._find(caller, params)[1])

    def describe_definition(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        record = self._find(caller, params)[1]
        return {"PipelineDefinition": record["_Definition"], "CreationTime": record["CreationTime"]}

    def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        _refuse_unsupported(params)
        place = Place.of(caller)
        pipeline = find_pipeline(self._store, place, params["PipelineName"])
        after, before = params.get("CreatedAfter"), params.get("CreatedBefore")
        chosen = [
            record
            | {
                "StartTime": record["CreationTime"],
                "PipelineExecutionFailureReason": record.get("FailureReason"),
            }
            for record in self._store.all(place, KIND)
            if record["_Pipeline"] == pipeline["PipelineName"]
            and (after is None or record["CreationTime"] > after)
            and (before is None or record["CreationTime"] < before)
        ]
        key = params.get("SortBy", "CreationTime")
        chosen.sort(key=lambda record: record[key], reverse=params.get("SortOrder", "Descending") == "Descending")
        member, shape = shapes.summaries("ListPipelineExecutions")
        return paginate(member, [shapes.trim(shape, record) for record in chosen], params)

    def list_steps(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        if "PipelineExecutionArn" not in params:
            raise ServiceError("ValidationException", "PipelineExecutionArn must be provided.")
        steps = sorted(
            self._find(caller, params)[1]["_Steps"].values(),
            key=lambda step: step["StartTime"],
            reverse=params.get("SortOrder", "Descending") == "Descending",
        )
        member, shape = shapes.summaries("ListPipelineExecutionSteps")
        return paginate(member, [shapes.trim(shape, step) for step in steps], params)

    def list_parameters(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return paginate("PipelineParameters", self._find(caller, params)[1]["_Parameters"], params)

    def resume(self) -> None:
        """Executions that ran when the embedded AWS was stopped have failed; nothing runs them any more."""
        for place, execution_id, record in self._store.everywhere(KIND):
            if record["PipelineExecutionStatus"] not in UNFINISHED:
                continue
            journal = Journal(self._world, self._store, place, execution_id)
            for name, step in record["_Steps"].items():
                if step["StepStatus"] in UNFINISHED:
                    journal.end_step(name, FAILED, reason=INTERRUPTED)
            journal.set_status(FAILED, reason=INTERRUPTED)

    def _find(self, caller: Caller, params: dict[str, Any]) -> tuple[Journal, Record]:
        place, arn = Place.of(caller), params["PipelineExecutionArn"]
        record = self._store.find(place, KIND, arn.rpartition("/")[2])
        if record is None or record["PipelineExecutionArn"] != arn:
            raise ServiceError("ResourceNotFound", f"Pipeline execution with ARN {arn} does not exist.")
        return Journal(self._world, self._store, place, record["_Id"]), record


def _given(params: dict[str, Any]) -> dict[str, str]:
    """The parameters of a request by name; a name that comes twice is refused."""
    pairs = [(each["Name"], each["Value"]) for each in params.get("PipelineParameters") or []]
    given = dict(pairs)
    if len(given) != len(pairs):
        raise ServiceError("ValidationException", "PipelineParameters must not name a parameter twice.")
    return given


def _refuse_unsupported(params: dict[str, Any]) -> None:
    for name in ("PipelineVersionAlias", "MlflowExperimentName"):
        if params.get(name):
            raise ServiceError("ValidationException", f"{name} is not supported by the embedded AWS yet.")
