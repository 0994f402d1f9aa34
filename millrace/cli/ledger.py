"""`millrace ledger`: in which state each version of each uploaded file is, and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from millrace.cli import executions, history, manifests, screen, system
from millrace.cli.connect import Connection, Options
from millrace.cli.ledger_rows import (
    ASSIGNED,
    DELETED,
    FAILED,
    REJECTED,
    SEEN,
    STATES,
    SUPERSEDED,
    TRAINED,
    FileRow,
    Ledger,
    Lock,
    short,
)
from millrace.errors import MillraceError

SHOWN = 40
Counts = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Wanted:
    """Which rows are asked for; everything empty: all of them."""

    state: str = ""
    file: str = ""
    versions: frozenset[tuple[str, str]] | None = None
    """Key and version id of the files that a run trains on."""

    def __contains__(self, row: FileRow) -> bool:
        return (
            self.state in ("", row.state)
            and (not self.file or is_file(row, self.file))
            and (self.versions is None or (row.key, row.version_id) in self.versions)
        )


def ledger(
    context: typer.Context,
    state: Annotated[str, typer.Option(help=f"Only this state: {', '.join(STATES)}.", metavar="STATE")] = "",
    run: Annotated[str, typer.Option(help="Only what this run trains on (its id or `latest`).", metavar="RUN")] = "",
    file: Annotated[str, typer.Option(help="Only this file: its key, or the end of it.", metavar="KEY")] = "",
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    last: Annotated[int, typer.Option(help="How many files to show, newest first.", min=0, metavar="N")] = SHOWN,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show what became of each uploaded file: how many per table and state, then each one and why.

    Examples: millrace ledger --state rejected; millrace ledger --run latest; millrace ledger --file claims.csv
    """
    options: Options = context.obj
    if state and state not in STATES:
        raise MillraceError(f"--state is {state!r}: a file is {', '.join(STATES[:-1])} or {STATES[-1]}")
    connection = options.connect()
    deployed = system.find(connection)
    reader = open_ledger(connection, deployed)
    models = [deployed.model(model)] if model else list(deployed.models)
    versions = None
    if run:
        found = manifests.find(connection, deployed, run, model=model)
        models, versions = [found.model], found.versions
    wanted = Wanted(state, file, versions)
    rows = {name: [row for row in reader.files(name) if row in wanted] for name in models}
    if as_json:
        print(json.dumps(_document(rows), indent=2, ensure_ascii=False))
        return
    for name in models:
        _show(connection, deployed, reader, name, rows[name], last)


def open_ledger(connection: Connection, deployed: system.System) -> Ledger:
    """The ledger of a deployment; MillraceError where it has none."""
    if not deployed.ledger:
        raise MillraceError(f"{deployed.name} was deployed without a ledger: deploy it anew")
    return Ledger(connection, deployed.ledger)


def is_file(row: FileRow, wanted: str) -> bool:
    """Whether a row is of this file: an S3 address, a key, or the end of a key."""
    key = wanted.removeprefix(f"s3://{row.bucket}/")
    return row.key == key or row.key.endswith(f"/{key}")


def count(rows: Iterable[FileRow], tables: Iterable[str] = ()) -> Counts:
    """How many files are in each state, by table."""
    counts: dict[str, dict[str, int]] = {table: {} for table in tables}
    for row in rows:
        states = counts.setdefault(row.table, {})
        states[row.state] = states.get(row.state, 0) + 1
    return counts


def why(row: FileRow, lock: Lock, names: Mapping[str, str]) -> str:
    """One sentence on a row: why it is in its state and, if it waits, for what."""
    run = names.get(row.run, short(row.run))
    going_on = names.get(lock.holder, short(lock.holder))
    if row.reason and row.state in (SEEN, SUPERSEDED, DELETED, FAILED):
        return history.renamed(row.reason, names)
    return {
        SEEN: f"waits until run {going_on} has ended" if lock.holder else "waits for the next run",
        ASSIGNED: f"run {run} trains on it",
        TRAINED: f"run {run} trained on it",
        FAILED: f"run {run} failed or was stopped; the next run takes it again",
        REJECTED: f"{row.reason_code}: {row.reason}",
        SUPERSEDED: "a newer version came before a run trained on it",
        DELETED: "deleted before a run trained on it",
    }.get(row.state, row.reason)


def _show(
    connection: Connection, deployed: system.System, reader: Ledger, model: str, rows: Sequence[FileRow], last: int
) -> None:
    counts = count(rows, deployed.tables[model])
    screen.say(f"{model}: {screen.number(len(rows), 'file version')}", screen.STRONG)
    cells = [(table, *(states.get(state) or "-" for state in STATES)) for table, states in counts.items()]
    screen.table(("table", *STATES), cells, indent="  ")
    if not rows or not last:
        return
    lock = reader.lock(model)
    names = history.ids(executions.recent(connection, model=model, limit=100))
    newest = sorted(rows, key=lambda row: row.changed_at, reverse=True)
    screen.say()
    lines = [
        (_name(row, model), row.version_id[:8], row.state, _moment(row.changed_at), why(row, lock, names))
        for row in newest[:last]
    ]
    screen.table(("file", "version", "state", "since", "why"), lines, indent="  ")
    if len(newest) > last:
        screen.say(f"  ... and {len(newest) - last} older ones (--last {len(newest)} shows all)", screen.FAINT)


def _name(row: FileRow, model: str) -> str:
    """The key below the model's prefix; what is no printable character is written as an escape."""
    name = row.key.removeprefix(f"raw/{model}/")
    return name if name.isprintable() else name.encode("unicode_escape").decode()


def _document(rows: Mapping[str, Sequence[FileRow]]) -> dict[str, Any]:
    return {
        "counts": {model: count(files) for model, files in rows.items()},
        "files": [asdict(row) for files in rows.values() for row in files],
    }


def _moment(epoch: float) -> str:
    return history.moment(datetime.fromtimestamp(epoch, UTC)) if epoch else ""
