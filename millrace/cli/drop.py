"""`millrace drop`: put files where a model's tables are expected; everything else follows by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from millrace.cli import screen, system, tables
from millrace.cli.connect import Connection, Options
from millrace.cli.tables import Upload
from millrace.errors import MillraceError


@dataclass(frozen=True)
class Placement:
    """Which table a file belongs to."""

    file: Path
    model: str
    table: str

    @property
    def key(self) -> str:
        return f"raw/{self.model}/{self.table}/{self.file.name}"


def drop(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Files named after their table, e.g. claims.csv.")],
    model: Annotated[str | None, typer.Option(help="The model, when its table's name is not unique.")] = None,
    table: Annotated[str | None, typer.Option(help="The table, when the file is not named after it.")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait until the files were looked at.")] = False,
) -> None:
    """Upload raw data. A run starts by itself as soon as every table of the model has a file and no more arrive.

    Says what was wrong with a file that no run can use; the exit code is then 1.

    Examples: millrace drop claims.csv customers.csv; millrace drop march.csv --table claims
    """
    options: Options = context.obj
    for file in files:
        if not file.is_file():
            raise MillraceError(f"there is no file {file}")
    connection = options.connect()
    deployed = system.find(connection)
    placements = [place(file, deployed, model=model, table=table) for file in files]
    for placement in placements:
        check_suffix(placement, deployed)
    uploads = [upload(connection, deployed, placement) for placement in placements]
    refused = [] if no_wait or not deployed.ledger else _look_at(connection, deployed, uploads)
    for name in sorted({upload.model for upload in uploads if upload not in refused}):
        screen.say("  " + outlook(connection, deployed, name))
    if refused:
        raise typer.Exit(1)


def place(file: Path, deployed: system.System, *, model: str | None = None, table: str | None = None) -> Placement:
    """The table of a file: by --table, else by the beginning of its name (`claims-2026-03.csv`)."""
    if model:
        deployed.model(model)
    candidates = [
        (each, name)
        for each, names in deployed.tables.items()
        for name in names
        if model in (None, each) and (name == table if table else _names(file, name))
    ]
    exact = [(each, name) for each, name in candidates if (table or file.stem) == name]
    candidates = exact or candidates
    if len(candidates) == 1:
        return Placement(file, *candidates[0])
    known = "; ".join(f"{each}: {', '.join(names)}" for each, names in deployed.tables.items())
    if candidates:
        raise MillraceError(f"{file.name} fits several tables: choose with --model and --table ({known})")
    what = f"--table {table}" if table else file.name
    raise MillraceError(f"{what} names no table: choose one with --model and --table ({known})")


def check_suffix(placement: Placement, deployed: system.System) -> None:
    suffixes = deployed.models[placement.model].suffixes
    if not placement.file.name.lower().endswith(suffixes):
        raise MillraceError(
            f"{placement.file} does not end in {' or '.join(suffixes)}: only such files belong to a table"
        )


def upload(
    connection: Connection, deployed: system.System, placement: Placement, *, metadata: dict[str, str] | None = None
) -> Upload:
    """Put the file into the raw bucket; the answer names the version that it became."""
    s3 = connection.client("s3")
    s3.upload_file(str(placement.file), deployed.raw_bucket, placement.key, ExtraArgs={"Metadata": metadata or {}})
    screen.say(f"  {placement.file.name} -> s3://{deployed.raw_bucket}/{placement.key}")
    version = s3.head_object(Bucket=deployed.raw_bucket, Key=placement.key)["VersionId"]
    return Upload(placement.model, placement.table, placement.key, version)


def outlook(connection: Connection, deployed: system.System, model: str) -> str:
    """What happens next, now that these tables have files."""
    absent = tables.missing(connection, deployed, model)
    if absent:
        return f"{model} waits for {' and '.join(absent)}: a run starts when every table has a file."
    if tables.busy(connection, deployed, model):
        return f"A run of {model} goes on: new files go into the next one, which starts by itself when it ends."
    debounce = deployed.models[model].debounce_seconds
    when = f"{debounce:g} s after the last upload" if debounce else "at once"
    return f"Every table of {model} has a file: a run starts by itself, {when} (`millrace runs --follow`)."


def _look_at(connection: Connection, deployed: system.System, uploads: Sequence[Upload]) -> list[Upload]:
    """Wait until the trigger has seen the files; the answer is those that it refused, and it says why."""
    from millrace.cli import arrivals, ledger_rows

    found = arrivals.wait(connection, deployed, uploads)
    late = [upload for upload in uploads if upload not in found]
    if late:
        screen.say(f"  {_listed(late)}: not looked at yet; the hourly schedule does it at the latest.", screen.BUSY)
    refused = [upload for upload, row in found.items() if row.state == ledger_rows.REJECTED]
    for upload in refused:
        row = found[upload]
        screen.say(f"  {_listed([upload])} was refused ({row.reason_code}): {row.reason}", screen.BAD)
        if row.quarantine:
            screen.say(f"    a copy and the reason are in {row.quarantine}", screen.FAINT)
    return refused


def _listed(uploads: Sequence[Upload]) -> str:
    return ", ".join(upload.key.rsplit("/", 1)[-1] for upload in uploads)


def _names(file: Path, table: str) -> bool:
    """By its beginning, or as `millrace new` names tables after files: `Loan Book.csv` is of loan_book."""
    from millrace.new import naming

    rest = file.stem.removeprefix(table)
    begins = file.stem.startswith(table) and (not rest or not rest[0].isalnum())
    return begins or naming.table_name(file.stem) == table
