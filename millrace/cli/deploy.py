"""`millrace deploy`: the stacks of the assembly, by the CloudFormation API."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli import project, screen
from millrace.cli.connect import Connection, Options
from millrace.cli.progress import Progress, Row
from millrace.cli.synth import synth_if_needed

if TYPE_CHECKING:
    from millrace.deploy.progress import Progress as Report

UNCHANGED = "UNCHANGED"


def deploy(
    context: typer.Context,
    stacks: Annotated[
        list[str] | None, typer.Argument(help='Which stacks, such as "Dev/*", with those that they need; without: all.')
    ] = None,
    assembly: Annotated[Path, typer.Option(help="A cloud assembly.")] = project.ASSEMBLY,
    no_synth: Annotated[bool, typer.Option("--no-synth", help="Take the assembly as it is.")] = False,
) -> None:
    """Deploy the stacks of cdk.out, which is made anew first when a source has changed.

    In the embedded AWS each goes to its own account; with --profile or --account only those of that account are.

    Example: millrace deploy "Dev/*" "Prod/*"
    """
    options: Options = context.obj
    connection = options.connect()
    folder = assembly.absolute()
    if not no_synth:
        synth_if_needed(folder, embedded=connection.embedded)
    for account in _accounts(options, connection, folder, stacks or ()):
        run(account, folder, stacks or ())


def _accounts(options: Options, connection: Connection, folder: Path, stacks: Sequence[str]) -> list[Connection]:
    """One connection for each account that the stacks are for, unless one is named."""
    from millrace.deploy.assembly import read_assembly
    from millrace.deploy.selection import environments, select

    if options.profile or options.account:
        return [connection]
    found = environments(select(read_assembly(folder), stacks))
    return [Connection(url=connection.url, account=account, region=region) for account, region in found] or [connection]


def run(connection: Connection, assembly: Path, stacks: Sequence[str] = ()) -> None:
    """Deploy to one account and show a line per stack; says so when there was nothing to do."""
    from millrace.deploy.deployer import Deployer

    with Progress() as progress:
        board = _Board(progress)
        deployer = Deployer(connection.session, endpoint_url=connection.url, report=board.note)
        environment = deployer.deploy(assembly, stacks).environment
    screen.say(f"  {board.summary()} in account {environment.account}, {environment.region}.", screen.GOOD)


class _Board:
    """Turns the reports of a deployment, which come from several threads, into one row per stack."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._rows: dict[str, Row] = {}
        self._began: dict[str, datetime] = {}
        self._done: dict[str, set[str]] = {}

    def note(self, report: Report) -> None:
        with self._lock:
            name = report.stack or "assets"
            done = self._done.setdefault(name, set())
            if report.kind != "stack" and report.status.endswith(("_COMPLETE", "PUBLISHED")):
                done.add(report.subject)
            state = self._state(report, name)
            self._rows[name] = Row(name, state, self._seconds(report, name), self._text(report, len(done)))
            self._progress.update(list(self._rows.values()))

    def summary(self) -> str:
        stacks = [row for name, row in self._rows.items() if name != "assets"]
        changed = [row for row in stacks if row.state != UNCHANGED]
        if not changed:
            return f"Nothing has changed: {counted(len(stacks), 'stack')} up to date"
        rest = len(stacks) - len(changed)
        return f"{counted(len(changed), 'stack')} deployed" + (f", {rest} up to date" if rest else "")

    def _state(self, report: Report, name: str) -> str:
        if report.kind == "resource" and not report.status.endswith("_FAILED"):
            return self._rows[name].state if name in self._rows else report.status
        return report.status

    def _seconds(self, report: Report, name: str) -> float | None:
        if report.at is None:
            return None
        return (report.at - self._began.setdefault(name, report.at)).total_seconds()

    @staticmethod
    def _text(report: Report, done: int) -> str:
        if report.status.endswith("_FAILED"):
            return f"{report.subject}: {report.reason}"
        if report.kind == "asset":
            return ""
        if report.kind == "resource":
            return f"{counted(done, 'resource')}, {report.subject}"
        return counted(done, "resource") if done else ""


def counted(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")
