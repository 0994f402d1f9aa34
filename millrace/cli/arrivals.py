"""Waiting until the trigger has looked at files: what the ledger says of each. For `drop` and `replay`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from millrace.cli import tables
from millrace.cli.connect import Connection
from millrace.cli.ledger_rows import FileRow, Ledger
from millrace.cli.system import System
from millrace.cli.tables import Upload

EMBEDDED_SECONDS, AWS_SECONDS = 15.0, 60.0


def wait(
    connection: Connection,
    deployed: System,
    uploads: Sequence[Upload],
    *,
    done: Callable[[FileRow], bool] = lambda _: True,
) -> dict[Upload, FileRow]:
    """The row of each upload as soon as all are there (and done), or those that are after some seconds."""
    ledger = Ledger(connection, deployed.ledger)
    deadline = time.monotonic() + (EMBEDDED_SECONDS if connection.embedded else AWS_SECONDS)
    while True:
        found = tables.rows(ledger, deployed, uploads)
        ready = {upload: row for upload, row in found.items() if done(row)}
        if len(ready) == len(uploads) or time.monotonic() > deadline:
            return ready
        time.sleep(connection.poll_seconds)
