"""`millrace batch`: score a file with the live model, follow the run, and fetch the results as one file."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli import screen, system
from millrace.cli.connect import Connection, Options
from millrace.cli.executions import BATCH
from millrace.errors import MillraceError

if TYPE_CHECKING:
    from millrace.cli.scored import Outcome

JSON_LINES = (".jsonl", ".ndjson")
ID_LENGTH = 40
START_SECONDS = 120.0


@dataclass(frozen=True)
class Upload:
    """A version of an object below a model's batch prefix."""

    model: str
    bucket: str
    key: str
    version_id: str

    @property
    def id(self) -> str:
        """The name of the execution that the version starts, as the function `start_batch` makes it."""
        identity = "\0".join((self.bucket, self.key, self.version_id))
        return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:ID_LENGTH]


def batch(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with or without header, or JSON Lines (.jsonl).")],
    model: Annotated[str | None, typer.Option(help="The model, when there are several.")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Upload only; the run starts by itself.")] = False,
    out: Annotated[Path | None, typer.Option(help="The results, .csv or .jsonl (default: beside the file).")] = None,
) -> None:
    """Score the rows of a file with the live model: one result line per good row, and why the others are bad.

    Exit code 1 when the run failed; bad rows alone are no failure.

    Example: millrace batch march.csv --out march-scores.csv
    """
    from millrace.cli import runs, scored

    if not file.is_file():
        raise MillraceError(f"there is no file {file}")
    options: Options = context.obj
    connection = options.connect()
    deployed = system.find(connection)
    name = choose(deployed, model)
    check_suffix(file, deployed, name)
    target = result_file(file, out)
    uploaded = upload(connection, deployed, name, file)
    if no_wait:
        screen.say(f"  A run starts by itself (`millrace runs --model {name}{BATCH}`).")
        return
    run = runs.watch(connection, started(connection, deployed, uploaded))
    outcome = scored.read(connection, run.arn)
    if outcome.results and run.state == "Succeeded":
        rows = scored.download(connection, outcome.results, target)
        by = f" with {outcome.version}" if outcome.version else ""
        screen.say(f"  {screen.number(rows, 'row')} scored{by}: {target}", screen.GOOD)
    tell_quarantine(outcome)
    if run.state != "Succeeded":
        raise typer.Exit(1)


def choose(deployed: system.System, wanted: str | None) -> str:
    """The model to score with."""
    if wanted:
        return deployed.model(wanted)
    if len(deployed.models) == 1:
        return next(iter(deployed.models))
    raise MillraceError(f"there are several models: choose one with --model ({', '.join(deployed.models)})")


def check_suffix(file: Path, deployed: system.System, model: str) -> None:
    suffixes = tuple(dict.fromkeys((*deployed.models[model].suffixes, *JSON_LINES)))
    if not file.name.lower().endswith(suffixes):
        raise MillraceError(f"{file} does not end in {' or '.join(suffixes)}: only such files are scored")
    if file.name.startswith(("_", ".")):
        raise MillraceError(f"{file.name} begins with {file.name[0]!r}: such files are left alone; rename it")
    if not file.stat().st_size:
        raise MillraceError(f"{file} is empty")


def result_file(file: Path, out: Path | None) -> Path:
    """Where the results go; refused before anything is uploaded."""
    target = out or file.with_name(f"{file.stem}.scored{'.jsonl' if file.suffix.lower() in JSON_LINES else '.csv'}")
    if target.suffix.lower() not in (".csv", *JSON_LINES):
        raise MillraceError(f"--out is {target}: the results are .csv or .jsonl")
    if not target.parent.is_dir():
        raise MillraceError(f"--out is {target}, but there is no folder {target.parent}")
    return target


def upload(connection: Connection, deployed: system.System, model: str, file: Path) -> Upload:
    """Put the file where the model's batch runs begin; the answer names the version that it became."""
    s3, key = connection.client("s3"), f"batch/{model}/{file.name}"
    s3.upload_file(str(file), deployed.raw_bucket, key)
    screen.say(f"  {file.name} -> s3://{deployed.raw_bucket}/{key}")
    version = s3.head_object(Bucket=deployed.raw_bucket, Key=key)["VersionId"]
    return Upload(model, deployed.raw_bucket, key, version)


def started(connection: Connection, deployed: system.System, uploaded: Upload) -> str:
    """The ARN of the upload's execution, as soon as there is one."""
    function = f"{system.PREFIX}{deployed.name}-start-batch"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        arn = _execution(connection, uploaded)
        if arn:
            screen.say(f"  Run {arn.rsplit('/', 1)[-1]} of {uploaded.model}{BATCH}", screen.FAINT)
            return arn
        time.sleep(connection.poll_seconds)
    raise MillraceError(
        f"no run started in {START_SECONDS:.0f} s (the hourly schedule starts one at the latest): "
        f"see `millrace logs {function}`"
    )


def _execution(connection: Connection, uploaded: Upload) -> str:
    from botocore.exceptions import ClientError

    try:
        answer = connection.client("sagemaker").list_pipeline_executions(
            PipelineName=f"{uploaded.model}{BATCH}", SortBy="CreationTime", SortOrder="Descending", MaxResults=100
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ResourceNotFound", "ResourceNotFoundException"):
            raise MillraceError(f"{uploaded.model} has no batch pipeline yet: `millrace deploy`") from error
        raise
    for summary in answer["PipelineExecutionSummaries"]:
        if summary.get("PipelineExecutionDisplayName") == uploaded.id:
            return str(summary["PipelineExecutionArn"])
    return ""


def tell_quarantine(outcome: Outcome) -> None:
    """How many rows could not be scored, and why."""
    report = outcome.report
    if not report:
        return
    bad, counts, first = report["bad_rows"], report["counts"], report["first"]
    if bad:
        screen.say(f"  {screen.number(bad, 'row')} of {report['rows_read']:,} in quarantine:", screen.BUSY)
        for code, count in sorted(counts.items(), key=lambda item: -item[1]):
            screen.say(f"    {count:,} {code}: {first.get(code, '')}")
    for fault in report["files"]:
        screen.say(f"  {fault['file']}: {fault['code']}: {fault['reason']}", screen.BAD)
    if bad or report["files"]:
        screen.say(f"    all of them are in {outcome.quarantine}/rows.csv", screen.FAINT)
    if unused := report.get("unused_columns"):
        screen.say(f"  The model does not use {', '.join(unused)}.", screen.FAINT)
