"""`millrace runs`: the runs of the pipelines and what was skipped, or one run step by step."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli import screen
from millrace.cli.connect import Connection, Options
from millrace.cli.progress import Progress, Row

if TYPE_CHECKING:
    from millrace.cli.executions import Run, Step
    from millrace.cli.job_notes import JobNotes

SHOWN = 20
EXPLAINED, LONGEST_REASON = 5, 160
"""For so many failed runs of a list the steps are asked for why."""


def runs(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(help="A run's id or its beginning, or `latest`.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Watch until it ends (default: the newest).")] = False,
    model: Annotated[str | None, typer.Option(help="Only the runs of this model.")] = None,
    put_aside: Annotated[
        bool,
        typer.Option("--put-aside", help="Print the rows that the run could not use, with reasons, as CSV."),
    ] = False,
) -> None:
    """List the runs and the looks that started none, or show one run: steps, states, times, reasons.

    Exit code 1 when that run failed. --follow waits for a run that is about to start.

    Examples: millrace runs --follow; millrace runs latest; millrace runs latest --put-aside > bad-rows.csv
    """
    from millrace.cli import coming, executions
    from millrace.cli import put_aside as quarantine

    options: Options = context.obj
    connection = options.connect()
    if put_aside:
        found = executions.find(connection, run, model=model, trains=True)
        quarantine.print_rows(connection, executions.steps(connection, found.arn))
        return
    if run is None and not follow:
        _list(connection, model)
        return
    if run is None:
        run = coming.wait(connection, model)
    wanted = executions.find(connection, run, model=model)
    _introduce(connection, wanted)
    ended = watch(connection, wanted.arn) if follow else show(connection, wanted)
    if ended.over and ended.state != "Succeeded":
        raise typer.Exit(1)


def watch(connection: Connection, arn: str) -> Run:
    """Show a run's steps as they go, until it has ended."""
    from millrace.cli import executions, job_notes

    notes = job_notes.JobNotes(connection)
    with Progress() as progress:
        while True:
            run = executions.read(connection, arn)
            steps = executions.steps(connection, arn)
            progress.update(_rows(steps, notes, connection.now()))
            if run.over:
                break
            time.sleep(connection.poll_seconds)
    _end(connection, run, steps)
    return run


def show(connection: Connection, run: Run) -> Run:
    from millrace.cli import executions, job_notes

    steps = executions.steps(connection, run.arn)
    for row in _rows(steps, job_notes.JobNotes(connection), connection.now()):
        screen.say(row.line(), screen.style_of(row.state))
    _end(connection, run, steps)
    return run


def _introduce(connection: Connection, run: Run) -> None:
    """The run's first line, and what the ledger says of it."""
    from millrace.cli import history, system
    from millrace.cli.ledger_rows import Ledger, short

    screen.say(f"Run {run.id} of {run.model}, started {history.moment(run.started)}")
    deployed = system.search(connection)
    if deployed is None or not deployed.ledger:
        return
    row = history.rows_of(Ledger(connection, deployed.ledger), [run]).get(run.name)
    if row:
        files = f"{screen.number(row.files, 'file')}, {row.new_files} new (`millrace ledger --run {run.id}`)"
        screen.say(f"  cause {row.cause}; {files}; {short(row.run)}; correlation {row.correlation}", screen.FAINT)


def _list(connection: Connection, model: str | None) -> None:
    from millrace.cli import executions, history, system

    deployed = system.search(connection)
    found = executions.recent(connection, model=model, limit=SHOWN)
    models = [model] if model else sorted({run.model for run in found} | set(deployed.models if deployed else ()))
    entries = history.read(connection, deployed, _explained(connection, found), models)[:SHOWN]
    if not entries:
        screen.say("No run yet. One starts by itself when every table has a file: `millrace drop FILE...`")
        return
    now, names = connection.now(), history.ids(found)
    screen.table(history.HEADER, [entry.cells(now, names) for entry in entries])


def _explained(connection: Connection, found: Sequence[Run]) -> list[Run]:
    """The runs; the newest that failed with what their steps say, as AWS only says that one has failed."""
    from millrace.cli import executions

    failed = [run.arn for run in found if run.state == "Failed"][:EXPLAINED]
    return [
        replace(run, failure=_why(connection, executions.steps(connection, run.arn)) or run.failure)
        if run.arn in failed
        else run
        for run in found
    ]


def _why(connection: Connection, steps: list[Step]) -> str:
    from millrace.cli import job_notes

    said = (
        f"{step.name}: {job_notes.exit_message(connection, step) or step.failure}" for step in steps if step.failure
    )
    return textwrap.shorten(next(said, ""), LONGEST_REASON, placeholder=" ...")


def _rows(steps: list[Step], notes: JobNotes, now: datetime) -> list[Row]:
    return [Row(step.name, step.shown_state, step.seconds(now), notes.of(step)) for step in steps]


def _end(connection: Connection, run: Run, steps: list[Step]) -> None:
    """How the run ended: what failed and why, the verdict on its model, how long it took."""
    from millrace.cli import job_notes, put_aside

    for step in steps:
        if step.failure:
            said = job_notes.exit_message(connection, step)
            screen.say(f"  {step.name}: {said or step.failure}", screen.BAD)
    put_aside.say(connection, run.id, steps if run.over else [])
    if run.over and (said := _verdict(connection, steps)):
        screen.say(f"  Verdict: {said}", screen.STRONG)
    took = screen.duration(run.seconds(connection.now()))
    style = {"Succeeded": screen.GOOD, "Failed": screen.BAD}.get(run.state, screen.BUSY)
    screen.say(f"  {run.state} after {took}" if run.over else f"  {run.state} for {took}", style)
    if run.failure and not any(step.failure and step.failure in run.failure for step in steps):
        screen.say(f"  {run.failure}", screen.BAD)


def _verdict(connection: Connection, steps: list[Step]) -> str:
    """The sentence of the verdict; who may see a run may not always read what it wrote."""
    from botocore.exceptions import ClientError

    from millrace.cli import evaluations

    try:
        return evaluations.sentence(evaluations.verdict_if_any(connection, steps))
    except ClientError as error:
        return f"it cannot be read ({error.response['Error']['Code']})"
