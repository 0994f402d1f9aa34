"""`millrace analyze`: how good, and how fast, an endpoint is on a labelled file."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from millrace.cli import invoke, model_files, places, project, screen, serving
from millrace.cli.answers import AnswerFile, Tally
from millrace.cli.connect import Options
from millrace.cli.labelled import Columns, LabelledFile
from millrace.cli.progress import Progress, Row
from millrace.cli.scoring import Scorer
from millrace.errors import MillraceError

PROGRAM = project.ROOT / "pipeline_code" / "analyze.py"
PAGE, REFUSED = "report.html", "refused.csv"


def analyze(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Rows with their label, as CSV with a header line.")],
    model: Annotated[str | None, typer.Option(help="The model, when several are served.")] = None,
    label: Annotated[str | None, typer.Option(help="The column of the label (default: the model's).")] = None,
    columns: Annotated[str | None, typer.Option(help="The columns of a file that has no header line: a,b,c.")] = None,
    encoding: Annotated[str, typer.Option(help="What the file is written in.")] = "utf-8-sig",
    connections: Annotated[int, typer.Option(help="How many requests at once.", min=1, max=64)] = 4,
    rows: Annotated[int, typer.Option(help="The rows of one request, at most.", min=1, max=10_000)] = 500,
    browse: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
) -> None:
    """Score a labelled file through the endpoint, and write the run's report on it, with how fast the endpoint was.

    Rows that the endpoint refuses are counted and listed.

    Example: millrace analyze march.csv --label fraud --connections 8
    """
    options: Options = context.obj
    endpoint = _endpoint(options, model)
    if not file.is_file():
        raise MillraceError(f"there is no file {file}: give labelled rows as CSV with a header line")
    folder = project.home() / "analyses" / f"{endpoint.name}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
    served = model_files.download(places.find(options).registry, endpoint.package, folder)
    wanted = Columns(served.features, served.label, served.segments)
    labelled = LabelledFile(
        file,
        wanted,
        label=label or served.label,
        encoding=encoding,
        header=columns.split(",") if columns else (),
        rows_per_request=rows,
    )
    scorer = Scorer(options.connect(), endpoint.name, served.features, connections=connections)
    facts = _score(scorer, labelled, folder, served.label)
    facts |= {
        "file": file.name,
        "label": label or served.label,
        **_about(endpoint),
        "connections": connections,
        "command": shlex.join(_command(file, model, label, columns, connections, rows)),
    }
    _report(served, facts, folder)
    _say(facts, folder)
    if browse:
        import webbrowser

        webbrowser.open((folder / PAGE).as_uri())


def _score(scorer: Scorer, labelled: LabelledFile, folder: Path, label: str) -> dict[str, Any]:
    """All rows through the endpoint; what is told of it."""
    answers = AnswerFile(folder / "rows", features=scorer.features, label=label, others=labelled.others)
    tally = Tally(folder / REFUSED, scorer.features)
    began = time.monotonic()
    try:
        with Progress() as progress:
            for found in scorer.score(labelled):
                tally.note(found)
                answers.write(found)
                seconds = time.monotonic() - began
                note = f"{tally.answered / max(seconds, 1e-9):,.0f} rows/s, {tally.refused:,} refused"
                progress.update([Row(f"{tally.read:,} rows", "IN_PROGRESS", seconds, note)], silent=True)
    finally:
        answers.close()
        tally.close()
    if not tally.answered:
        first = tally.facts()["first_refused"]
        why = f"the first: {first[0]['why']}" if first else f"{labelled.path} holds no rows"
        raise MillraceError(f"the endpoint answered no row: {why}")
    return tally.facts() | {"seconds": time.monotonic() - began}


def _about(endpoint: serving.Endpoint) -> dict[str, str]:
    version = "/".join(endpoint.package.split("/")[-2:])
    return {"endpoint": endpoint.name, "version": version, "refused_file": REFUSED}


def _report(served: model_files.Served, facts: dict[str, Any], folder: Path) -> None:
    """The step code draws the report, so it is run as the steps are: as a program, with the image's packages."""
    (folder / "facts.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
    command = [
        *(str(model_files.image_python(served.image)), str(PROGRAM), "--model", str(served.archive)),
        *("--rows", str(folder / "rows"), "--facts", str(folder / "facts.json"), "--output", str(folder)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise MillraceError(f"the report could not be made: {lines[-1]}")


def _say(facts: dict[str, Any], folder: Path) -> None:
    told = json.loads((folder / "analysis.json").read_text("utf-8"))
    latency = facts["latency"]["request"]
    by = " and ".join(facts["versions"]) or facts["version"]
    screen.say(
        f"{facts['answered']:,} of {facts['read']:,} rows answered by {by} in {screen.duration(facts['seconds'])}: "
        f"{facts['requests']:,} requests, {latency['p50']:.3g} ms in the middle, {latency['p99']:.3g} ms at p99",
        screen.STRONG,
    )
    if facts["refused"]:
        screen.say(f"  {screen.number(facts['refused'], 'row')} refused: {project.short(folder / REFUSED)}", screen.BAD)
        for reason, count in list(facts["reasons"].items())[:5]:
            screen.say(f"    {count:,}  {reason}")
    if told["unlabelled"]:
        screen.say(f"  {screen.number(told['unlabelled'], 'row')} without a label that the model knows", screen.BUSY)
    for name, estimate in list(told["metrics"].items())[:4]:
        if estimate["value"] is not None:
            screen.say(
                f"  {name} {estimate['value']:.4g} (95 % interval {estimate['low']:.4g} to {estimate['high']:.4g})"
            )
    screen.say(project.short(folder / PAGE))


def _endpoint(options: Options, model: str | None) -> serving.Endpoint:
    connection = options.connect()
    name = invoke.endpoint_name(connection, model)
    found = serving.endpoint(connection, name)
    if found is None or not found.package:
        raise MillraceError(f"the endpoint {name} serves no registered version: analyze needs one to measure it by")
    return found


def _command(
    file: Path, model: str | None, label: str | None, columns: str | None, connections: int, rows: int
) -> Sequence[str]:
    given = {"--model": model, "--label": label, "--columns": columns}
    return [
        *("millrace", "analyze", file.name),
        *(word for name, value in given.items() if value for word in (name, value)),
        *("--connections", str(connections), "--rows", str(rows)),
    ]
