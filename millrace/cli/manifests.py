"""Which file versions a run trains on: its manifest, as the trigger left it beside the copies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from millrace.cli import executions
from millrace.cli.connect import Connection
from millrace.cli.ledger_rows import Ledger, is_run_name
from millrace.cli.system import System
from millrace.errors import MillraceError


@dataclass(frozen=True)
class RunData:
    """A run by the ledger's name for it, and key and version id of each of its files."""

    model: str
    run: str
    versions: frozenset[tuple[str, str]]


def find(connection: Connection, deployed: System, wanted: str, *, model: str | None = None) -> RunData:
    """The data of the run with this id or name (its beginning is enough), or of `latest`."""
    found_model, name = find_name(connection, deployed, wanted, model=model)
    digest = name.rpartition("-")[0]
    s3: Any = connection.client("s3")
    body = s3.get_object(Bucket=deployed.artifact_bucket, Key=f"inputs/{digest}/manifest.json")["Body"].read()
    tables = json.loads(body)["tables"].values()
    return RunData(
        found_model, name, frozenset((each["key"], each["version_id"]) for files in tables for each in files)
    )


def find_name(connection: Connection, deployed: System, wanted: str, *, model: str | None = None) -> tuple[str, str]:
    """Model and name of a run that the trigger started."""
    digest = wanted.rpartition("-")[0] or wanted
    if digest and all(letter in "0123456789abcdef" for letter in digest):
        names = [
            (name, row.run)
            for name in ([model] if model else deployed.models)
            for row in Ledger(connection, deployed.ledger).runs(name, digest=digest)
            if executions.is_named(row.run, wanted)
        ]
        if names:
            return names[-1]
    run = executions.find(connection, wanted, model=model, trains=True)
    if not is_run_name(run.name):
        raise MillraceError(f"the run {run.id} was started by hand: the ledger does not know what it trains on")
    return run.model, run.name
