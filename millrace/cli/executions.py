"""Runs as SageMaker knows them: pipeline executions, their steps, and the job behind each step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from millrace.cli.connect import Connection
from millrace.errors import MillraceError

ENDED = ("Succeeded", "Failed", "Stopped")
NEWEST = "latest"
CACHED = "cached"
BATCH, DEPLOY = "-batch", "-deploy"
"""How the names of the pipelines end that score files or deploy versions; the others train."""


@dataclass(frozen=True)
class Step:
    """One step of a run; `job` is the ARN of what it started, if it started something."""

    name: str
    state: str
    started: datetime | None
    ended: datetime | None
    failure: str
    job: str
    note: str
    cached: bool = False

    @property
    def shown_state(self) -> str:
        """`cached` for a step whose result was taken from an earlier run."""
        return CACHED if self.cached else self.state

    def seconds(self, now: datetime) -> float | None:
        return None if self.started is None else _seconds(self.started, self.ended or now)


@dataclass(frozen=True)
class Run:
    """One pipeline execution; `name` is its display name, which the ledger knows it by."""

    arn: str
    state: str
    started: datetime
    ended: datetime | None
    failure: str
    name: str = ""

    @property
    def id(self) -> str:
        return self.arn.rsplit("/", 1)[-1]

    @property
    def model(self) -> str:
        return self.arn.split("/")[1]

    @property
    def over(self) -> bool:
        return self.state in ENDED

    def seconds(self, now: datetime) -> float:
        return _seconds(self.started, self.ended or now)


def pipelines(connection: Connection) -> list[str]:
    """The pipelines of the account by name: one per model."""
    pages = connection.client("sagemaker").get_paginator("list_pipelines").paginate()
    return sorted(summary["PipelineName"] for page in pages for summary in page["PipelineSummaries"])


def recent(connection: Connection, *, model: str | None = None, limit: int = 20) -> list[Run]:
    """The newest runs of one model or of all, newest first."""
    sagemaker = connection.client("sagemaker")
    names = [model] if model else pipelines(connection)
    found: list[Run] = []
    for name in names:
        answer = sagemaker.list_pipeline_executions(
            PipelineName=name, SortBy="CreationTime", SortOrder="Descending", MaxResults=min(limit, 100)
        )
        arns = [summary["PipelineExecutionArn"] for summary in answer["PipelineExecutionSummaries"]]
        found += [read(connection, arn) for arn in arns]
    return sorted(found, key=lambda run: run.started, reverse=True)[:limit]


def read(connection: Connection, arn: str) -> Run:
    answer = connection.client("sagemaker").describe_pipeline_execution(PipelineExecutionArn=arn)
    state = answer["PipelineExecutionStatus"]
    return Run(
        arn=answer["PipelineExecutionArn"],
        state=state,
        started=answer["CreationTime"],
        ended=answer.get("LastModifiedTime") if state in ENDED else None,
        failure=answer.get("FailureReason", ""),
        name=answer.get("PipelineExecutionDisplayName", ""),
    )


def find(connection: Connection, wanted: str | None, *, model: str | None = None, trains: bool = False) -> Run:
    """The run with this id or name (its beginning is enough) or ARN; without one the newest that trains.

    `latest` is the newest of all, whatever it does, unless `trains` says that only a training makes sense.
    """
    if wanted and wanted.startswith("arn:"):
        return read(connection, wanted)
    known = recent(connection, model=model, limit=100)
    if not known:
        raise MillraceError("there is no run yet: one starts when every table has a file (`millrace drop FILE...`)")
    if wanted is None or (trains and wanted == NEWEST):
        return next((run for run in known if not run.model.endswith((BATCH, DEPLOY))), known[0])
    if wanted == NEWEST:
        return known[0]
    matching = [run for run in known if run.id.startswith(str(wanted)) or is_named(run.name, str(wanted))]
    if len(matching) == 1:
        return matching[0]
    what = "names several runs" if matching else "is no run"
    raise MillraceError(f"{wanted!r} {what}: `millrace runs` lists them, the newest is {known[0].id}")


def steps(connection: Connection, arn: str) -> list[Step]:
    """The steps that have started so far, in the order of their start."""
    pages = connection.client("sagemaker").get_paginator("list_pipeline_execution_steps")
    found = [
        _step(entry)
        for page in pages.paginate(PipelineExecutionArn=arn, SortOrder="Ascending")
        for entry in page["PipelineExecutionSteps"]
    ]
    return sorted(found, key=lambda step: (step.started is None, step.started or datetime.now(UTC)))


def is_named(name: str, wanted: str) -> bool:
    """Whether a run is called so, in full or as it is shown: the beginning of its digest, and the attempt."""
    digest, _, attempt = name.rpartition("-")
    start, dash, number = wanted.rpartition("-")
    return bool(digest) and (
        name.startswith(wanted) or (dash == "-" and digest.startswith(start) and attempt == number)
    )


def _seconds(start: datetime, end: datetime) -> float:
    """Never negative: the embedded AWS's clock may be ahead of this machine's."""
    return max((end - start).total_seconds(), 0.0)


def _step(entry: dict[str, Any]) -> Step:
    details: dict[str, Any] = entry.get("Metadata", {})
    arns = [value["Arn"] for value in details.values() if "Arn" in value]
    outcome = details.get("Condition", {}).get("Outcome")
    return Step(
        name=entry["StepName"],
        state=entry.get("StepStatus", "Starting"),
        started=entry.get("StartTime"),
        ended=entry.get("EndTime"),
        failure=entry.get("FailureReason", "") or details.get("Fail", {}).get("ErrorMessage", ""),
        job=arns[0] if arns else "",
        note=f"the condition is {str(outcome).lower()}" if outcome else _origin(entry),
        cached="CacheHitResult" in entry,
    )


def _origin(entry: dict[str, Any]) -> str:
    """Which run's result a cached step has."""
    origin = str(entry.get("CacheHitResult", {}).get("SourcePipelineExecutionArn", "")).rsplit("/", 1)[-1]
    return f"the result of the run {origin}" if origin else ""
