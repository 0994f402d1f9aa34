"""`millrace logs`: what the jobs of a run, or a Lambda function, wrote to CloudWatch Logs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from millrace.cli import screen
from millrace.cli.connect import Connection, Options
from millrace.cli.log_lines import readable
from millrace.errors import MillraceError

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
        _print_endpoints(connection)
    elif function:
        _print(connection, function, words=readable)
    else:
        _print_run(connection, what, step)


def _print_run(connection: Connection, wanted: str | None, only: str | None) -> None:
    from millrace.cli import executions

    run = executions.find(connection, wanted)
    steps = executions.steps(connection, run.arn)
    names = [step.name for step in steps]
    if only and only not in names:
        raise MillraceError(f"the run {run.id} has no step {only!r} so far; it has {', '.join(names) or 'none yet'}")
    for step in steps:
        kind, _, job = step.job.rpartition(":")[2].partition("/")
        if kind in GROUPS and only in (None, step.name):
            screen.heading(f"{step.name} ({step.state}, {job})")
            _print(connection, GROUPS[kind], prefix=f"{job}/")
            if step.failure:
                screen.say(f"{step.name}: {step.failure}", screen.BAD)


def _print_correlation(connection: Connection, wanted: str) -> None:
    from millrace.cli import correlation, system

    group = _function(connection, system.find(connection).starter)
    correlation.show(connection, wanted, lambda name, term: _events(connection, name, None, term), str(group))


def _print_endpoints(connection: Connection) -> None:
    for endpoint in connection.client("sagemaker").list_endpoints()["Endpoints"]:
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
