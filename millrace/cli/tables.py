"""The files of a model's tables: which are in the raw bucket, and what the ledger says of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from millrace.cli.connect import Connection
from millrace.cli.ledger_rows import REJECTED, FileRow, Ledger
from millrace.cli.system import System

AT_ONCE = 100


@dataclass(frozen=True)
class Upload:
    """One version of one object of a table."""

    model: str
    table: str
    key: str
    version_id: str


@dataclass(frozen=True)
class Current:
    """The current version of an object, and when it was uploaded."""

    upload: Upload
    modified: datetime


def current(connection: Connection, deployed: System, model: str, table: str) -> Iterator[Current]:
    """The current files of a table, as S3 lists them; what the trigger ignores by its name is left out."""
    s3: Any = connection.client("s3")
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=deployed.raw_bucket, Prefix=f"raw/{model}/{table}/"
    )
    for page in pages:
        for entry in page.get("Versions", []):
            if entry["IsLatest"] and belongs(entry["Key"], deployed.models[model].suffixes):
                yield Current(Upload(model, table, entry["Key"], entry["VersionId"]), entry["LastModified"])


def belongs(key: str, suffixes: tuple[str, ...]) -> bool:
    """Whether an object of a table's prefix is one of its files, by its name."""
    name = key.rsplit("/", 1)[-1]
    return not name.startswith(("_", ".")) and name.lower().endswith(suffixes)


def missing(connection: Connection, deployed: System, model: str) -> list[str]:
    """The tables of the model that have no file yet that a run can use."""
    return [table for table in deployed.tables[model] if not _usable(connection, deployed, model, table)]


def busy(connection: Connection, deployed: System, model: str) -> bool:
    """Whether a run of the model has its only place."""
    return bool(deployed.ledger and Ledger(connection, deployed.ledger).lock(model).holder)


def rows(ledger: Ledger, deployed: System, uploads: Sequence[Upload]) -> dict[Upload, FileRow]:
    """What the ledger says of these versions; one that it does not know is left out."""
    by_table: dict[tuple[str, str], list[Upload]] = {}
    for upload in uploads:
        by_table.setdefault((upload.model, upload.table), []).append(upload)
    found: dict[Upload, FileRow] = {}
    for (model, table), wanted in by_table.items():
        versions = [(upload.key, upload.version_id) for upload in wanted]
        for row in ledger.named(model, table, deployed.raw_bucket, versions):
            found[Upload(model, table, row.key, row.version_id)] = row
    return found


def _usable(connection: Connection, deployed: System, model: str, table: str) -> bool:
    files = (each.upload for each in current(connection, deployed, model, table))
    while some := list(islice(files, AT_ONCE)):
        if not deployed.ledger:
            return True
        known = rows(Ledger(connection, deployed.ledger), deployed, some)
        if any(upload not in known or known[upload].state != REJECTED for upload in some):
            return True
    return False
