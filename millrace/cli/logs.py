"""`millrace logs`: what the jobs of a run, or a Lambda function, wrote to CloudWatch Logs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millrace.cli import screen
from millrace.cli.connect import Connection, Options
from millrace.cli.log_lines import readable
from millrace.errors import MillraceError

if TYPE_CHECKING:
    from millrace.cli.executions import Step

TUNING = "hyper-parameter-tuning-job"
GROUPS = {
    "processing-job": "/aws/sagemaker/ProcessingJobs",
    "training-job": "/aws/sagemaker/TrainingJobs",
    "transform-job": "/aws/sagemaker/TransformJobs",
}


def logs(
    context: typer.Context,
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN or FUNCTION]", help="A run's id, the end of a Lambda function's name, or `endpoint`."
        ),
    ] = None,
    step: Annotated[str | None, typer.Option(help="Only this step of the run.")] = None,
    model: Annotated[str | None, typer.Option(help="The newest run of this model, or its endpoint.")] = None,
    correlation: Annotated[
        str | None, typer.Option(help="What happened to one burst of uploads, from file to model.", metavar="ID")
    ] = None,
) -> None:
    """Print the logs of a run's jobs (default: the newest run), of a Lambda function, or of a burst of uploads.

    Examples: millrace logs --step Train; millrace logs start-pipeline; millrace logs --correlation 3f2a9c
    """
    options: Options = context.obj
    connection = options.connect()
    if correlation:
        _print_correlation(connection, correlation)
        return
    function = _function(connection, what) if what else None
    if what and what.startswith("endpoint"):
        _print_endpoints(connection, model)
    elif function:
        _print(connection, function, words=readable)
    else:
        _print_run(connection, what, step, model)


def _print_run(connection: Connection, wanted: str | None, only: str | None, model: str | None) -> None:
    from millrace.cli import executions

    run = executions.find(connection, wanted, model=model)
    steps = executions.steps(connection, run.arn)
    names = [step.name for step in steps]
    if only and only not in names:
        raise MillraceError(f"the run {run.id} has no step {only!r} so far; it has {', '.join(names) or 'none yet'}")
    for step in steps:
        if only in (None, step.name):
            show_step(connection, step, asked=only is not None)


def show_step(connection: Connection, step: Step, *, asked: bool) -> None:
    """The log of the step's job; a step without one is worth a line only if it was asked for."""
    kind, _, job = step.job.rpartition(":")[2].partition("/")
    what = job
    if kind == TUNING:
        trial = _trial(connection, job)
        kind, job, what = ("training-job", *trial) if trial else (kind, job, what)
    if kind in GROUPS:
        screen.heading(f"{step.name} ({step.state}, {what})")
        _print(connection, GROUPS[kind], prefix=f"{job}/")
    elif asked and ":function:" in step.job:
        screen.say(f"{step.name} calls a function, which has a log for all runs: `millrace logs {kind}`", screen.FAINT)
    elif asked:
        screen.say(f"{step.name} runs no job, so it has no log ({step.note or step.state})", screen.FAINT)
    if step.failure and (asked or kind in GROUPS):
        screen.say(f"{step.name}: {step.failure}", screen.BAD)


def _trial(connection: Connection, tuning: str) -> tuple[str, str] | None:
    """The training job whose log tells most about a tuning, and what to call it: the best one, else the newest."""
    sagemaker = connection.client("sagemaker")
    told = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning)
    best = told.get("BestTrainingJob", {}).get("TrainingJobName")
    if best:
        return best, f"the best trial, {best}"
    trials = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=tuning, SortBy="CreationTime", SortOrder="Descending", MaxResults=1
    )["TrainingJobSummaries"]
    return (name := str(trials[0]["TrainingJobName"]), f"the newest trial, {name}") if trials else None


def _print_correlation(connection: Connection, wanted: str) -> None:
    from millrace.cli import correlation, system

    group = _function(connection, system.find(connection).starter)
    correlation.show(connection, wanted, lambda name, term: _events(connection, name, None, term), str(group))


def _print_endpoints(connection: Connection, model: str | None) -> None:
    for page in connection.client("sagemaker").get_paginator("list_endpoints").paginate():
        for endpoint in page["Endpoints"]:
            if model in (None, endpoint["EndpointName"]):
                screen.heading(endpoint["EndpointName"])
                _print(connection, f"/aws/sagemaker/Endpoints/{endpoint['EndpointName']}")


def _print(connection: Connection, group: str, *, prefix: str | None = None, words: Callable[[str], str] = str) -> None:
    empty = True
    for event in _events(connection, group, prefix):
        screen.say(words(str(event["message"]).rstrip("\n")))
        empty = False
    if empty:
        screen.say(f"(nothing in {group} yet)", screen.FAINT)


def _events(connection: Connection, group: str, prefix: str | None, term: str = "") -> Iterator[dict[str, Any]]:
    client = connection.client("logs")
    narrowed = {"logStreamNamePrefix": prefix} if prefix else {}
    if term:
        narrowed["filterPattern"] = json.dumps(term)
    try:
        for page in client.get_paginator("filter_log_events").paginate(logGroupName=group, **narrowed):
            yield from page["events"]
    except client.exceptions.ResourceNotFoundException:
        return


def _function(connection: Connection, wanted: str) -> str | None:
    """The log group of the function with this name or end of a name."""
    pages = connection.client("lambda").get_paginator("list_functions").paginate()
    groups = {
        function["FunctionName"]: function.get("LoggingConfig", {}).get("LogGroup", "")
        for page in pages
        for function in page["Functions"]
    }
    matching = [name for name in groups if name == wanted or name.endswith(f"-{wanted}")]
    return (groups[matching[0]] or f"/aws/lambda/{matching[0]}") if len(matching) == 1 else None
