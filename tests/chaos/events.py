"""The messages that AWS puts into the trigger's queue, in AWS's own form."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from tests.chaos.aws.executions import PIPELINE, Execution
from tests.chaos.aws.objects import ObjectVersion

RUN_END = "SageMaker Model Building Pipeline Execution Status Change"
JOBS = ("run-end", "reconciler", "request", "look", "upload", "poison")
"""What the function does, by the message that asks for it; of a batch the first of these names it."""


def created(version: ObjectVersion, bucket: str) -> dict[str, Any]:
    """S3's event of a new version, as EventBridge delivers it: the key is not encoded."""
    return {
        "version": "0",
        "id": f"event-{version.version_id}",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "time": iso(version.modified),
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {
                "key": version.key,
                "size": len(version.body or b""),
                "etag": version.etag.strip('"'),
                "version-id": version.version_id,
                "sequencer": f"{int(version.modified * 1000):016X}",
            },
            "reason": "PutObject",
        },
    }


def ended(execution: Execution, now: float) -> dict[str, Any]:
    """SageMaker's event of an execution that has ended."""
    pipeline = f"{PIPELINE}{execution.pipeline}"
    return {
        "version": "0",
        "id": f"end-{execution.arn}",
        "detail-type": RUN_END,
        "source": "aws.sagemaker",
        "time": iso(now),
        "resources": [pipeline, execution.arn],
        "detail": {
            "pipelineExecutionDisplayName": execution.name,
            "currentPipelineExecutionStatus": execution.status,
            "previousPipelineExecutionStatus": "Executing",
            "executionStartTime": iso(execution.started),
            "executionEndTime": iso(now),
            "pipelineArn": pipeline,
            "pipelineExecutionArn": execution.arn,
        },
    }


def schedule(models: Iterable[str], moment: float) -> str:
    """The input of the hourly schedule."""
    return json.dumps({"models": list(models), "scheduled_time": iso(moment)})


def text(event: dict[str, Any]) -> str:
    return json.dumps(event, ensure_ascii=False)


def iso(moment: float) -> str:
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def job_of(bodies: Iterable[str]) -> str:
    """Which of the function's jobs a batch is."""
    found = {_job(body) for body in bodies}
    return next(job for job in JOBS if job in found)


def _job(body: str) -> str:
    try:
        message = json.loads(body)
    except ValueError:
        return "poison"
    if not isinstance(message, dict):
        return "poison"
    if message.get("detail-type") == RUN_END:
        return "run-end"
    jobs = {"models": "reconciler", "replay": "request", "start": "request", "look": "look", "detail": "upload"}
    return next((job for name, job in jobs.items() if name in message), "poison")
