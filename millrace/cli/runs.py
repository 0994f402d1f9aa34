"""`millrace runs`: the runs of the pipelines, or one of them step by step."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli import screen
from millrace.cli.connect import Connection, Options
from millrace.cli.progress import Progress, Row

if TYPE_CHECKING:
    from millrace.cli.executions import Run, Step


def runs(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(help="A run's id or its beginning, or `latest`.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Watch until it ends (default: the newest).")] = False,
    model: Annotated[str | None, typer.Option(help="Only the runs of this model.")] = None,
) -> None:
    """List the runs, or show one: steps, states, times, reasons. Exit code 1 when that run failed.

    Example: millrace runs latest --follow
    """
    from millrace.cli import executions

    options: Options = context.obj
    connection = options.connect()
    if run is None and not follow:
        _list(executions.recent(connection, model=model))
        return
    wanted = executions.find(connection, run, model=model)
    screen.say(f"Run {wanted.id} of {wanted.model}, started {moment(wanted.started)}")
    ended = watch(connection, wanted.arn) if follow else show(connection, wanted)
    if ended.over and ended.state != "Succeeded":
        raise typer.Exit(1)


def watch(connection: Connection, arn: str) -> Run:
    """Show a run's steps as they go, until it has ended."""
    from millrace.cli import executions

    with Progress() as progress:
        while True:
            run = executions.read(connection, arn)
            steps = executions.steps(connection, arn)
            progress.update(_rows(steps))
            if run.over:
                break
            time.sleep(connection.poll_seconds)
    _verdict(run, steps)
    return run


def show(connection: Connection, run: Run) -> Run:
    from millrace.cli import executions

    steps = executions.steps(connection, run.arn)
    for row in _rows(steps):
        screen.say(row.line(), screen.style_of(row.state))
    _verdict(run, steps)
    return run


def moment(when: datetime) -> str:
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _list(found: list[Run]) -> None:
    if not found:
        screen.say("No run yet. One starts by itself when every table has a file: `millrace drop FILE...`")
        return
    now = datetime.now(UTC)
    rows = [
        (run.id, run.model, run.state, moment(run.started), screen.duration(run.seconds(now)), first_line(run.failure))
        for run in found
    ]
    screen.table(("run", "model", "state", "started", "took", "reason"), rows)


def _rows(steps: list[Step]) -> list[Row]:
    now = datetime.now(UTC)
    return [Row(step.name, step.state, step.seconds(now), step.note) for step in steps]


def _verdict(run: Run, steps: list[Step]) -> None:
    for step in steps:
        if step.failure:
            screen.say(f"  {step.name}: {step.failure}", screen.BAD)
    took = screen.duration(run.seconds(datetime.now(UTC)))
    style = {"Succeeded": screen.GOOD, "Failed": screen.BAD}.get(run.state, screen.BUSY)
    screen.say(f"  {run.state} after {took}" if run.over else f"  {run.state} for {took}", style)
    if run.failure and not any(step.failure and step.failure in run.failure for step in steps):
        screen.say(f"  {run.failure}", screen.BAD)


def first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""
