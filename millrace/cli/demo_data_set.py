"""The demo's data set: made here, uploaded table by table, recognised when it is already there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace import demo_data
from millrace.cli import drop, screen
from millrace.cli.connect import Connection
from millrace.cli.system import System
from millrace.errors import MillraceError

MODEL = "claims-fraud"
MARK = "millrace-demo"


@dataclass(frozen=True)
class DataSet:
    """One file per table, and the best AUC that any model can reach on them."""

    files: dict[str, Path]
    best_auc: float
    frauds: int
    rows: int


def make(folder: Path, *, seed: int, rows: int) -> DataSet:
    data = demo_data.generate(folder, rows=rows, seed=seed)
    return DataSet({"claims": data.claims, "customers": data.customers}, data.best_auc, data.frauds, rows)


def is_there(connection: Connection, deployed: System, data: DataSet) -> bool:
    """Whether the raw bucket holds exactly these files; MillraceError when it holds someone else's."""
    marks = dict(_marks(connection, deployed))
    strange = [key for key, mark in marks.items() if not mark]
    if strange:
        raise MillraceError(
            f"the raw bucket holds data of your own (s3://{deployed.raw_bucket}/{strange[0]}): the demo does not mix "
            "its data with them. `millrace runs` shows your runs; `millrace reset` deletes everything"
        )
    wanted = {_placement(deployed, table, file).key: _digest(file) for table, file in data.files.items()}
    return wanted == marks


def remove_old(connection: Connection, deployed: System) -> None:
    """Take an earlier demo's files away (their versions stay), so that new tables are not joined to old ones."""
    for key, _ in list(_marks(connection, deployed)):
        connection.client("s3").delete_object(Bucket=deployed.raw_bucket, Key=key)


def upload(connection: Connection, deployed: System, data: DataSet) -> None:
    """The tables one after the other, saying after each what happens next."""
    for table, file in data.files.items():
        placement = _placement(deployed, table, file)
        drop.upload(connection, deployed, placement, metadata={MARK: _digest(file)})
        screen.say(f"  {drop.outlook(connection, deployed, MODEL)}")


def _placement(deployed: System, table: str, file: Path) -> drop.Placement:
    return drop.place(file, deployed, model=MODEL, table=table)


def _marks(connection: Connection, deployed: System) -> Iterator[tuple[str, str]]:
    """Each object of the model's tables with the mark that the demo put on it, if it did."""
    s3: Any = connection.client("s3")
    for table in deployed.tables[MODEL]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=deployed.raw_bucket, Prefix=f"raw/{MODEL}/{table}/")
        for page in pages:
            for entry in page.get("Contents", []):
                head = s3.head_object(Bucket=deployed.raw_bucket, Key=entry["Key"])
                yield entry["Key"], head["Metadata"].get(MARK, "")


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
