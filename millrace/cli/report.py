"""`millrace report`: the verdict on a run's model, and its HTML report, as the Evaluate step left them in S3."""

from __future__ import annotations

from typing import Annotated

import typer

from millrace.cli import project, screen
from millrace.cli.connect import Options


def report(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(help="A run's id or its beginning (default: the newest).")] = None,
    model: Annotated[str | None, typer.Option(help="The newest run of this model.")] = None,
    browse: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Say the verdict on a run's model, download the report and print where it is.

    Example: millrace report --open
    """
    from millrace.cli import evaluations, executions

    options: Options = context.obj
    connection = options.connect()
    found = executions.find(connection, run, model=model, trains=True)
    evaluation = evaluations.download(connection, found.arn, project.home() / "reports" / found.id)
    if said := evaluations.sentence(evaluation.verdict):
        screen.say(said, screen.STRONG)
    for kind in ("suspects", "drift"):
        for remark in evaluations.remarks(evaluation.verdict, kind):
            screen.say(f"  {remark['sentence']}", screen.BUSY)
    screen.say(project.short(evaluation.page))
    if browse:
        import webbrowser

        webbrowser.open(evaluation.page.as_uri())
