"""`millrace new`: the settings of a new model, inferred from the user's own tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli import project, screen
from millrace.errors import MillraceError

if TYPE_CHECKING:
    from millrace.new import Proposal

MODELS = project.ROOT / "settings" / "models"


def new(
    files: Annotated[list[Path], typer.Argument(help="CSV files, one per table.")],
    label: Annotated[str | None, typer.Option(help="The column to predict.", metavar="NAME")] = None,
    key: Annotated[str | None, typer.Option(help="The column that joins several tables.", metavar="NAME")] = None,
    problem: Annotated[str | None, typer.Option(help="binary, multiclass or regression.", metavar="PROBLEM")] = None,
    name: Annotated[str | None, typer.Option(help="The model's name (default: the table's).", metavar="NAME")] = None,
    columns: Annotated[
        str | None, typer.Option(help="Names for a file without a line of names: a,b,c.", metavar="NAMES")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over the settings that are there.")] = False,
) -> None:
    """Write the settings of a model for your own tables, and say what was assumed about them.

    Nothing is deployed or uploaded: look at the file that is written, then go on with the commands that are named.

    Examples: millrace new orders.csv customers.csv --label returned; millrace new abalone.data --problem regression
    """
    from millrace import new as newcomer

    names = tuple(each.strip() for each in columns.split(",")) if columns else ()
    if names and len(files) > 1:
        raise MillraceError("--columns names the columns of one file; with several tables each needs a line of names")
    wishes = newcomer.Wishes(label=label, key=key, problem=problem, name=name)
    proposal = newcomer.infer([newcomer.read(file, names=names) for file in files], wishes)
    path = MODELS / f"{proposal.name}.toml"
    if path.exists() and not force:
        raise MillraceError(
            f"{project.short(path)} is there already: choose another name with --name, or write over it with --force"
        )
    path.write_text(newcomer.as_toml(proposal), encoding="utf-8")
    _tell(proposal, path)


def _tell(proposal: Proposal, path: Path) -> None:
    from millrace.new import summary

    for table in proposal.tables:
        screen.say(summary.of_table(table), screen.STRONG)
    screen.facts(list(summary.facts(proposal)))
    for title, lines, style in (
        ("Left out", [f"{names}: {why}" for names, why in summary.unused(proposal)], None),
        ("Assumed", summary.told(proposal), None),
        ("Look at this", list(proposal.watch), screen.BUSY),
    ):
        if lines:
            screen.heading(title)
            for line in lines:
                screen.say(f"  {line}", style)
    screen.say()
    screen.say(f"Wrote {project.short(path)}: what must be reached and what mistakes cost is yours to set there.")
    screen.say("Next:")
    for command in summary.next_steps(proposal):
        screen.say(f"  {command}")
