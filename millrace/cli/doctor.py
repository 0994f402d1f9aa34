"""`millrace doctor`: what would stand in the way of a deployment to an account, found before it is tried."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Annotated

import typer

from millrace.cli import accounts, doctor_account, doctor_machine, doctor_quotas, findings, needs, project, screen
from millrace.cli.accounts import Account
from millrace.cli.connect import Connection, Options
from millrace.cli.findings import Finding
from millrace.cli.synth import synth_if_needed
from millrace.errors import MillraceError

WIDTH = 12


def doctor(
    context: typer.Context,
    no_synth: Annotated[bool, typer.Option("--no-synth", help="Take cdk.out as it is.")] = False,
) -> None:
    """Check an account before the first deployment: credentials, settings, bootstrap, quotas, image, region, tools.

    Says of each finding why it matters and what to do. Exit code 1 if a deployment would fail.

    Example: millrace doctor --profile prod --account prod
    """
    options: Options = context.obj
    counts: dict[str, int] = {}
    for finding in examine(options, synth=not no_synth):
        show(finding)
        counts[finding.state] = counts.get(finding.state, 0) + 1
    told = ", ".join(f"{counts[state]} {state}" for state in findings.STYLES if state in counts)
    screen.say()
    screen.say(told, findings.STYLES[findings.BAD if findings.BAD in counts else findings.GOOD])
    if findings.BAD in counts:
        raise typer.Exit(1)


def examine(options: Options, *, synth: bool = True) -> Iterator[Finding]:
    """All findings, as they come."""
    connection, problem = doctor_account.connect(options)
    yield from doctor_machine.tools(embedded=connection is not None and connection.embedded)
    settings = _settings(connection, synth=synth)
    yield settings
    if connection is None:
        assert problem
        yield problem
        yield findings.skipped("the rest", "without credentials nothing of the account can be seen")
        return
    yield from findings.attempt("credentials", lambda: doctor_account.credentials(connection))
    if settings.state == findings.BAD:
        yield findings.skipped("the rest", "without templates nobody knows what the account needs")
        return
    account = yield from _account(options, connection)
    if account is not None:
        yield from _of_account(connection, account)


def show(finding: Finding) -> None:
    screen.say(f"  {finding.state:<{WIDTH}}{finding.subject}: {finding.what}", findings.STYLES[finding.state])
    for line in (finding.why, finding.todo):
        if line:
            screen.say(f"  {'':<{WIDTH}}{'->  ' if line is finding.todo else '    '}{line}")


def _of_account(connection: Connection, account: Account) -> Iterator[Finding]:
    wanted = needs.read(account)
    checks = {
        "region": lambda: doctor_account.region(connection, account),
        "bootstrap": lambda: doctor_account.bootstrap(connection, wanted),
        "deploy role": lambda: doctor_account.deploy_role(connection, wanted),
        "scaling role": lambda: doctor_account.scaling_role(connection, wanted),
        "image": lambda: doctor_account.images(connection, wanted),
        "quotas": lambda: doctor_quotas.quotas(connection, wanted),
    }
    for subject, check in checks.items():
        yield from findings.attempt(subject, check)


def _settings(connection: Connection | None, *, synth: bool) -> Finding:
    """Whether the settings make templates; their own checks say what is wrong with them."""
    try:
        if synth:
            synth_if_needed(project.ASSEMBLY, embedded=connection is None or connection.embedded)
    except MillraceError as error:
        return findings.bad(
            "settings",
            str(error),
            why="no template can be made of them, so there is nothing to deploy",
            todo="correct what is named in settings/, then ask again",
        )
    known = accounts.known()
    if not known:
        return findings.bad(
            "settings",
            f"{project.short(project.ASSEMBLY)} is for no account",
            why="the templates tell what an account needs",
            todo="make synth, with an account_id in settings/accounts.toml",
        )
    return findings.good("settings", f"templates for {', '.join(f'{each.name} ({each.id})' for each in known)}")


def _account(options: Options, connection: Connection) -> Generator[Finding, None, Account | None]:
    """Which account of the settings this is."""
    known = accounts.known()
    wanted = accounts.chosen(options.account) if options.account else None
    found = next((each for each in known if each.id == connection.account), None)
    yield from doctor_account.ids(connection, known, wanted=wanted, found=found)
    return found
