"""The command line's table of contents: which commands there are, and how every error ends."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, Any

import typer

from millrace.cli import (
    analyze,
    approve,
    audit,
    back,
    batch,
    chaos,
    clock,
    compare,
    demo,
    deploy,
    doctor,
    drop,
    environment,
    failures,
    invoke,
    ledger,
    logs,
    new,
    replay,
    report,
    rollout,
    runs,
    status,
    story,
    up,
)
from millrace.cli.connect import Options

INTERRUPTED = 130
USAGE: Any = typer.BadParameter.__base__  # wrong usage: typer brings its own click, whose names are private
ANYWHERE = ("--profile", "--region", "--account")

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(
    invoke_without_command=True,
    epilog="Example: `millrace demo` shows everything once; `millrace` alone shows where you are.",
)
def millrace(
    context: typer.Context,
    profile: Annotated[
        str | None, typer.Option(help="A profile of a real account, instead of the embedded AWS.", metavar="NAME")
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="The region, when not the assembly's or the profile's.", metavar="NAME")
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(help="dev, staging, prod or an id: which account is meant (default: the one that trains)."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Machine learning on Amazon SageMaker, or on this machine: without a command, shows where you are."""
    context.obj = Options(profile=profile, region=region, account=account, debug=debug)
    if context.invoked_subcommand is None:
        status.show(context.obj)


app.command()(demo.demo)
app.command()(up.up)
app.command()(up.down)
app.command()(up.reset)
app.command()(new.new)
app.command()(deploy.deploy)
app.command()(drop.drop)
app.command()(runs.runs)
app.command()(ledger.ledger)
app.add_typer(replay.replay, name="replay")
app.command()(logs.logs)
app.command()(report.report)
app.command()(compare.compare)
app.command()(approve.approve)
app.command()(back.reject)
app.command()(back.rollback)
app.command()(story.history)
app.command()(rollout.rollout)
app.command()(invoke.invoke)
app.command()(analyze.analyze)
app.command()(batch.batch)
app.command()(doctor.doctor)
app.command("env")(environment.environment)
app.command()(clock.clock)
app.command()(audit.audit)
app.command()(chaos.chaos)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code: 0 done, 1 an error or a failed run, 2 wrong usage, 130 interrupted."""
    given = options_first(list(sys.argv[1:] if arguments is None else arguments))
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = int(app(given, prog_name="millrace", standalone_mode=False) or 0)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:  # the reader of our pipe (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if isinstance(error, USAGE):
            error.show()
            return error.exit_code
        text = failures.describe(error)
        if text is None or "--debug" in given:
            raise
        print(f"Error: {text}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)
    if code == INTERRUPTED:  # also typer's own answer to Ctrl-C
        print("Interrupted.", file=sys.stderr)
    return code


def options_first(arguments: list[str]) -> list[str]:
    """Move the options that every command has to the front, so that they may stand anywhere."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == "--debug" or word.startswith(tuple(f"{name}=" for name in ANYWHERE)):
            front.append(word)
        elif word in ANYWHERE:
            front += [word, *[value for value in [next(words, None)] if value is not None]]
        else:
            rest.append(word)
    return front + rest


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
