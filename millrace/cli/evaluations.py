"""What the Evaluate step of a run left in S3: the report, the metrics, and the verdict on the model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from millrace.cli import executions
from millrace.cli.connect import Connection
from millrace.cli.executions import Step
from millrace.errors import MillraceError

EVALUATE = "Evaluate"
OUTPUT = "evaluation"
PAGE = "report.html"
METRICS = "evaluation.json"
VERDICT = "verdict.json"


@dataclass(frozen=True)
class Evaluation:
    """Where a run's report was put, what it measured, and the verdict (empty where none was written)."""

    page: Path
    uri: str
    metrics: dict[str, Any]
    verdict: dict[str, Any]


def download(connection: Connection, arn: str, folder: Path) -> Evaluation:
    """Fetch the report and the metrics of a run into the folder."""
    uri = _uri(connection, arn, executions.steps(connection, arn))
    where = urlsplit(uri)
    s3 = connection.client("s3")
    folder.mkdir(parents=True, exist_ok=True)
    for name in (PAGE, METRICS):
        s3.download_file(where.netloc, f"{where.path.strip('/')}/{name}", str(folder / name))
    metrics = json.loads((folder / METRICS).read_text("utf-8"))
    return Evaluation(folder / PAGE, f"{uri}/{PAGE}", metrics, _verdict(connection, uri))


def verdict(connection: Connection, arn: str, steps: list[Step]) -> dict[str, Any]:
    """The verdict of a run; MillraceError says why it has none."""
    found = _verdict(connection, _uri(connection, arn, steps))
    if not found:
        raise MillraceError(f"the run {_id(arn)} has no verdict: its step {EVALUATE} wrote no {VERDICT}")
    return found


def verdict_if_any(connection: Connection, steps: list[Step]) -> dict[str, Any]:
    """The verdict of a run of any pipeline, an empty one if it has none (yet)."""
    step = _evaluate(steps)
    uri = _output(connection, step) if step else None
    return _verdict(connection, uri) if uri else {}


def sentence(verdict: dict[str, Any]) -> str:
    """What was decided, in words."""
    return str(verdict.get("gate", {}).get("sentence", ""))


def remarks(verdict: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The suspects or the drifted columns that there is something to say about."""
    return [each for each in verdict.get(kind) or () if each.get("sentence")]


def _verdict(connection: Connection, uri: str) -> dict[str, Any]:
    from botocore.exceptions import ClientError

    where = urlsplit(uri)
    try:
        answer = connection.client("s3").get_object(Bucket=where.netloc, Key=f"{where.path.strip('/')}/{VERDICT}")
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchKey", "404"):
            raise
        return {}
    return dict(json.loads(answer["Body"].read()))


def _uri(connection: Connection, arn: str, steps: list[Step]) -> str:
    step = _evaluate(steps)
    if step is None:
        state = next((step.state for step in steps if step.name == EVALUATE), "not started")
        raise MillraceError(f"the run {_id(arn)} has no report: its step {EVALUATE} is {state} (see `millrace runs`)")
    uri = _output(connection, step)
    if uri is None:
        raise MillraceError(f"the step {EVALUATE} of the run {_id(arn)} has no output {OUTPUT!r}")
    return uri


def _evaluate(steps: list[Step]) -> Step | None:
    """The step, once it is through."""
    through = (step for step in steps if step.name == EVALUATE and step.state == "Succeeded")
    return next((step for step in through if ":processing-job/" in step.job), None)


def _output(connection: Connection, step: Step) -> str | None:
    job = connection.client("sagemaker").describe_processing_job(ProcessingJobName=_id(step.job))
    outputs = job.get("ProcessingOutputConfig", {}).get("Outputs", ())
    found = (str(output["S3Output"]["S3Uri"]) for output in outputs if output["OutputName"] == OUTPUT)
    return next((uri.rstrip("/") for uri in found), None)


def _id(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]
