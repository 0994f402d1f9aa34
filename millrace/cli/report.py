"""`millrace report`: a run's HTML report and its metrics, as the Evaluate step left them in S3."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from millrace.cli import project, screen
from millrace.cli.connect import Connection, Options
from millrace.errors import MillraceError

EVALUATE = "Evaluate"
OUTPUT = "evaluation"
PAGE = "report.html"
METRICS = "evaluation.json"


@dataclass(frozen=True)
class Evaluation:
    """Where a run's report was put, and what it measured."""

    page: Path
    uri: str
    metrics: dict[str, Any]


def report(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(help="A run's id or its beginning (default: the newest).")] = None,
    browse: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Download a run's report and print where it is.

    Example: millrace report --open
    """
    from millrace.cli import executions

    options: Options = context.obj
    connection = options.connect()
    found = executions.find(connection, run)
    evaluation = download(connection, found.arn, project.home() / "reports" / found.id)
    screen.say(project.short(evaluation.page))
    if browse:
        import webbrowser

        webbrowser.open(evaluation.page.as_uri())


def download(connection: Connection, arn: str, folder: Path) -> Evaluation:
    """Fetch the report and the metrics of a run into the folder."""
    uri = _uri(connection, arn)
    where = urlsplit(uri)
    s3 = connection.client("s3")
    folder.mkdir(parents=True, exist_ok=True)
    for name in (PAGE, METRICS):
        s3.download_file(where.netloc, f"{where.path.strip('/')}/{name}", str(folder / name))
    return Evaluation(folder / PAGE, f"{uri}/{PAGE}", json.loads((folder / METRICS).read_text()))


def _uri(connection: Connection, arn: str) -> str:
    from millrace.cli import executions

    run_id = arn.rsplit("/", 1)[-1]
    jobs = {step.name: step for step in executions.steps(connection, arn)}
    step = jobs.get(EVALUATE)
    if step is None or step.state != "Succeeded":
        state = step.state if step else "not started"
        raise MillraceError(f"the run {run_id} has no report: its step {EVALUATE} is {state} (see `millrace runs`)")
    job = connection.client("sagemaker").describe_processing_job(ProcessingJobName=step.job.rsplit("/", 1)[-1])
    for output in job["ProcessingOutputConfig"]["Outputs"]:
        if output["OutputName"] == OUTPUT:
            return str(output["S3Output"]["S3Uri"]).rstrip("/")
    raise MillraceError(f"the step {EVALUATE} of the run {run_id} has no output {OUTPUT!r}")
