"""`millrace drop`: put files where a model's tables are expected; everything else follows by itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from millrace.cli import screen, system
from millrace.cli.connect import Connection, Options
from millrace.errors import MillraceError

SUFFIX = ".csv"


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
    files: Annotated[list[Path], typer.Argument(help="CSV files named after their table, e.g. claims.csv.")],
    model: Annotated[str | None, typer.Option(help="The model, when its table's name is not unique.")] = None,
    table: Annotated[str | None, typer.Option(help="The table, when the file is not named after it.")] = None,
) -> None:
    """Upload raw data. A run starts by itself as soon as every table of the model has a file.

    Examples: millrace drop claims.csv customers.csv; millrace drop march.csv --table claims
    """
    options: Options = context.obj
    for file in files:
        if not file.is_file():
            raise MillraceError(f"there is no file {file}")
        if file.suffix != SUFFIX:
            raise MillraceError(f"{file} does not end in {SUFFIX}: only such files belong to a table")
    connection = options.connect()
    deployed = system.find(connection)
    placements = [place(file, deployed, model=model, table=table) for file in files]
    for placement in placements:
        upload(connection, deployed, placement)
    for name in sorted({placement.model for placement in placements}):
        screen.say("  " + outlook(connection, deployed, name))


def place(file: Path, deployed: system.System, *, model: str | None = None, table: str | None = None) -> Placement:
    """The table of a file: by --table, else by the beginning of its name (`claims-2026-03.csv`)."""
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


def upload(
    connection: Connection, deployed: system.System, placement: Placement, *, metadata: dict[str, str] | None = None
) -> None:
    connection.client("s3").upload_file(
        str(placement.file), deployed.raw_bucket, placement.key, ExtraArgs={"Metadata": metadata or {}}
    )
    screen.say(f"  {placement.file.name} -> s3://{deployed.raw_bucket}/{placement.key}")


def missing(connection: Connection, deployed: system.System, model: str) -> list[str]:
    """The tables of the model that have no file yet."""
    pages = connection.client("s3").get_paginator("list_objects_v2")
    return [
        table
        for table in deployed.tables[model]
        if not any(
            entry["Key"].endswith(SUFFIX)
            for page in pages.paginate(Bucket=deployed.raw_bucket, Prefix=f"raw/{model}/{table}/")
            for entry in page.get("Contents", [])
        )
    ]


def outlook(connection: Connection, deployed: system.System, model: str) -> str:
    """What happens next, now that these tables have files."""
    absent = missing(connection, deployed, model)
    if absent:
        return f"{model} waits for {' and '.join(absent)}: a run starts when every table has a file."
    return f"Every table of {model} has a file: new data start a run by themselves (`millrace runs --follow`)."


def _names(file: Path, table: str) -> bool:
    rest = file.stem.removeprefix(table)
    return file.stem.startswith(table) and (not rest or not rest[0].isalnum())
