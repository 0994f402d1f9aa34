"""`millrace deploy`: the stacks of the assembly, by the CloudFormation API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from millrace.cli import project
from millrace.cli.connect import Connection, Options
from millrace.cli.synth import synth_if_needed


def deploy(
    context: typer.Context,
    assembly: Annotated[Path, typer.Option(help="A cloud assembly.")] = project.ASSEMBLY,
    no_synth: Annotated[bool, typer.Option("--no-synth", help="Take the assembly as it is.")] = False,
) -> None:
    """Deploy cdk.out, made anew when a source has changed. For a real account better: cdk deploy.

    Example: millrace deploy --assembly cdk.out --no-synth
    """
    options: Options = context.obj
    connection = options.connect()
    folder = assembly.absolute()
    if not no_synth:
        synth_if_needed(folder, embedded=connection.embedded)
    run(connection, folder)


def run(connection: Connection, assembly: Path) -> None:
    raise NotImplementedError
