"""`millrace compare`: runs side by side: outcome, metrics, parameters, inputs, durations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli import screen
from millrace.cli.connect import Options
from millrace.errors import MillraceError

if TYPE_CHECKING:
    from millrace.cli.facts_of_runs import RunFacts

NOTHING = "-"
TOLD_ELSEWHERE = ("InputUri", "CorrelationId")


def compare(
    context: typer.Context,
    runs: Annotated[list[str], typer.Argument(help="Ids of runs or their beginnings; `latest` is the newest.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show runs side by side: the verdict with its intervals, parameters, inputs, how long each step took.

    Example: millrace compare latest 4nx0k2
    """
    from millrace.cli import executions, facts_of_runs

    options: Options = context.obj
    if len(runs) < 2:
        raise MillraceError("compare needs two runs at least: `millrace runs` lists them")
    connection = options.connect()
    found = [executions.find(connection, wanted, trains=True) for wanted in runs]
    doubled = sorted({run.id for run in found if [each.arn for each in found].count(run.arn) > 1})
    if doubled:
        raise MillraceError(f"the run {doubled[0]} is named twice; name different runs")
    facts = [facts_of_runs.read(connection, run) for run in found]
    if as_json:
        print(json.dumps({"runs": [each.as_json() for each in facts]}, indent=2, ensure_ascii=False))
        return
    show(facts)


def show(facts: Sequence[RunFacts]) -> None:
    """One table, a column per run; parameters that are the same in all are named in one line."""
    from rich.cells import cell_len

    sections = [(title, rows) for title, rows in _sections(facts) if rows]
    lines = [cells for _, rows in sections for cells in rows]
    widths = [max(cell_len(line[place]) for line in lines) for place in range(len(facts) + 1)]
    for title, rows in sections:
        if title:
            screen.heading(title)
        for cells in rows:
            padded = [cell + " " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)]
            screen.say(f"  {'  '.join(padded)}".rstrip(), None if _same(cells) else screen.STRONG)
    alike = _alike(facts)
    if alike:
        screen.heading("Parameters that are the same")
        screen.say(f"  {alike}")
    for each in facts:
        if each.sentence or each.why_none:
            screen.say()
            screen.say(f"{each.run.id}: {each.sentence or each.why_none}")


def _sections(facts: Sequence[RunFacts]) -> Iterator[tuple[str, list[list[str]]]]:
    yield (
        "",
        [
            ["run", *[each.run.id for each in facts]],
            ["model", *[each.run.model for each in facts]],
            ["state", *[each.run.state for each in facts]],
            ["started", *[each.started for each in facts]],
        ],
    )
    yield "Verdict", list(_by_name(facts, [dict(each.judged()) for each in facts]))
    yield "Metrics (95 % interval)", list(_by_name(facts, [dict(each.measured()) for each in facts]))
    differing = [name for name in _parameters(facts) if not _is_alike(facts, name)]
    parameters = [{name: each.parameters.get(name, NOTHING) for name in differing} for each in facts]
    yield "Parameters that differ", list(_by_name(facts, parameters))
    yield "Inputs", list(_by_name(facts, [dict(each.inputs()) for each in facts]))
    yield "Took", list(_by_name(facts, [each.durations for each in facts]))


def _by_name(facts: Sequence[RunFacts], columns: Sequence[dict[str, str]]) -> Iterator[list[str]]:
    for name in _names(columns):
        yield [name, *[column.get(name, NOTHING) for column in columns]]


def _names(columns: Sequence[dict[str, str]]) -> list[str]:
    return list(dict.fromkeys(name for column in columns for name in column))


def _parameters(facts: Sequence[RunFacts]) -> list[str]:
    """Without those that stand among the inputs, or are another one in each run."""
    return [name for name in _names([each.parameters for each in facts]) if name not in TOLD_ELSEWHERE]


def _is_alike(facts: Sequence[RunFacts], name: str) -> bool:
    return len({each.parameters.get(name) for each in facts}) == 1


def _alike(facts: Sequence[RunFacts]) -> str:
    same = [name for name in _parameters(facts) if _is_alike(facts, name)]
    return ", ".join(f"{name} {facts[0].parameters[name]}" for name in same)


def _same(cells: Sequence[str]) -> bool:
    return len(set(cells[1:])) == 1
