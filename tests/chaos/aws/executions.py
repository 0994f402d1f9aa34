"""SageMaker's pipeline executions in memory. Their Train really reads what lies under the input prefix."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.chaos.aws.errors import aws_error
from tests.chaos.aws.objects import Buckets

PIPELINE = "arn:aws:sagemaker:ap-northeast-2:111111111111:pipeline/"
DISPLAY_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,81}")
TOKEN_SECONDS = 60
"""How long a request token is remembered; AWS does not say, the ledger must not rely on it."""


@dataclass
class Execution:
    arn: str
    pipeline: str
    name: str
    token: str
    started: float
    input_uri: str
    parameters: dict[str, str]
    status: str = "Executing"
    ended: float | None = None
    manifest: dict[str, Any] | None = None
    reads: dict[str, list[str]] = field(default_factory=dict)
    """By table, the digest of each file that Train read, in the order of their names."""


@dataclass
class Executions:
    """`on_start` and `on_end` tell the world, which decides how long an execution lasts and how it ends."""

    now: Callable[[], float]
    buckets: Buckets
    random: random.Random
    pipelines: tuple[str, ...]
    on_start: Callable[[Execution], None]
    on_end: Callable[[Execution], None]
    all: dict[str, Execution] = field(default_factory=dict)

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Serve one SageMaker operation."""
        operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "StartPipelineExecution": self._start,
            "DescribePipelineExecution": self._describe,
            "ListPipelineExecutions": self._list,
            "StopPipelineExecution": self._stop,
        }
        if operation not in operations:
            raise NotImplementedError(f"the in-memory SageMaker has no {operation}; add it to {__name__}")
        return operations[operation](request)

    def start(self, pipeline: str, name: str, token: str, parameters: dict[str, str]) -> Execution:
        arn = f"{PIPELINE}{pipeline}/execution/{self.random.randbytes(6).hex()}"
        uri = parameters.get("InputUri", "")
        execution = Execution(arn, pipeline, name, token, self.now(), uri, parameters)
        self.all[arn] = execution
        self.on_start(execution)
        return execution

    def train(self, execution: Execution) -> None:
        """Read every file under the input prefix, as Preprocess and Train do."""
        bucket, _, prefix = execution.input_uri.removeprefix("s3://").partition("/")
        for version, latest in self.buckets.versions(bucket, prefix.rstrip("/") + "/"):
            if not latest or version.body is None:
                continue
            name = version.key.removeprefix(prefix.rstrip("/") + "/")
            if name == "manifest.json":
                execution.manifest = json.loads(version.body)
            else:
                digest = hashlib.sha256(version.body).hexdigest()
                execution.reads.setdefault(name.partition("/")[0], []).append(digest)

    def end(self, execution: Execution, status: str) -> None:
        if execution.status != "Executing":
            return
        execution.status, execution.ended = status, self.now()
        self.on_end(execution)

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        pipeline, token = request["PipelineName"], request["ClientRequestToken"]
        name = request.get("PipelineExecutionDisplayName", "")
        if pipeline not in self.pipelines:
            raise aws_error("ResourceNotFound", "StartPipelineExecution", pipeline)
        if not DISPLAY_NAME.fullmatch(name) or not 32 <= len(token) <= 128:
            raise aws_error("ValidationException", "StartPipelineExecution", f"{name!r}, {token!r}")
        for execution in self.all.values():
            if execution.token == token and self.now() - execution.started < TOKEN_SECONDS:
                return {"PipelineExecutionArn": execution.arn}
        parameters = {parameter["Name"]: parameter["Value"] for parameter in request.get("PipelineParameters", ())}
        return {"PipelineExecutionArn": self.start(pipeline, name, token, parameters).arn}

    def _find(self, request: dict[str, Any], operation: str) -> Execution:
        arn = request["PipelineExecutionArn"]
        if arn not in self.all:
            raise aws_error("ResourceNotFound", operation, f"{arn} does not exist")
        return self.all[arn]

    def _describe(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._find(request, "DescribePipelineExecution")
        answer = _summary(found) | {"PipelineArn": f"{PIPELINE}{found.pipeline}"}
        ended = found.ended or found.started
        answer |= {"CreationTime": _moment(found.started), "LastModifiedTime": _moment(ended)}
        if found.status == "Failed":
            answer["FailureReason"] = "Step failure: One or multiple steps failed."
        return answer

    def _list(self, request: dict[str, Any]) -> dict[str, Any]:
        found = [execution for execution in self.all.values() if execution.pipeline == request["PipelineName"]]
        after, before = request.get("CreatedAfter"), request.get("CreatedBefore")
        found = [e for e in found if after is None or e.started >= _seconds(after)]
        found = [e for e in found if before is None or e.started <= _seconds(before)]
        found.sort(key=lambda execution: execution.started, reverse=request.get("SortOrder") != "Ascending")
        first = int(request.get("NextToken", 0))
        last = first + request.get("MaxResults", 10)
        answer: dict[str, Any] = {"PipelineExecutionSummaries": [_summary(e) for e in found[first:last]]}
        return answer | ({"NextToken": str(last)} if last < len(found) else {})

    def _stop(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._find(request, "StopPipelineExecution")
        if found.status != "Executing":
            raise aws_error("ValidationException", "StopPipelineExecution", f"{found.arn} is {found.status}")
        self.end(found, "Stopped")
        return {"PipelineExecutionArn": found.arn}


def _summary(execution: Execution) -> dict[str, Any]:
    return {
        "PipelineExecutionArn": execution.arn,
        "StartTime": _moment(execution.started),
        "PipelineExecutionStatus": execution.status,
        "PipelineExecutionDisplayName": execution.name,
    }


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _seconds(moment: datetime | float) -> float:
    return moment.timestamp() if isinstance(moment, datetime) else float(moment)
