"""`millrace logs --correlation`: one burst of uploads, from its files to its model version, with what was logged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from millrace.cli import history, screen, serving, system
from millrace.cli.connect import Connection
from millrace.cli.ledger_rows import FileRow, Ledger, RunRow, short
from millrace.cli.log_lines import readable
from millrace.errors import MillraceError

FILES_SHOWN = 10
Events = Callable[[str, str], Iterable[dict[str, Any]]]


@dataclass(frozen=True)
class Burst:
    """What belongs together in one model: files that came at once, the runs that took them, all files of these runs.

    Two functions that saw the first files at the same time each made an id; the run has one of them.
    """

    files: Sequence[FileRow]
    runs: Sequence[RunRow]

    @property
    def ids(self) -> set[str]:
        """The ids to look for in logs and versions."""
        return {row.correlation for row in self.runs if row.correlation}

    @classmethod
    def read(cls, ledger: Ledger, model: str, wanted: str) -> Self:
        files = list(ledger.files(model))
        names = {row.run for row in files if row.run and row.correlation.startswith(wanted)}
        runs = [row for row in ledger.runs(model) if row.correlation.startswith(wanted) or row.run in names]
        names = {row.run for row in runs}
        return cls([row for row in files if row.correlation.startswith(wanted) or row.run in names], runs)


def show(connection: Connection, wanted: str, events: Events, group: str) -> None:
    """Print the files, the runs, the model versions and the log lines of a correlation id (its beginning is enough)."""
    deployed = system.find(connection)
    ids: set[str] = set()
    found = False
    for model in deployed.models if deployed.ledger else ():
        burst = Burst.read(Ledger(connection, deployed.ledger), model, wanted)
        if burst.files or burst.runs:
            found = True
            ids |= burst.ids | {row.correlation for row in burst.files if row.correlation.startswith(wanted)}
            _show_burst(connection, model, burst)
    lines = [event for each in sorted(ids or {wanted}) for event in events(group, each)]
    logged = {(event["timestamp"], event["eventId"]): event for event in lines}
    if logged:
        screen.heading(group)
    for (timestamp, _), event in sorted(logged.items()):
        when = history.moment(datetime.fromtimestamp(timestamp / 1000, UTC))
        screen.say(f"{when}  {readable(str(event['message']).rstrip())}")
    if not found and not logged:
        raise MillraceError(f"nothing has the correlation id {wanted!r}: `millrace runs RUN` names the one of a run")


def _show_burst(connection: Connection, model: str, burst: Burst) -> None:
    screen.heading(model)
    facts = [("file", f"{row.key} (version {row.version_id[:8]}): {row.state}") for row in burst.files[:FILES_SHOWN]]
    if len(burst.files) > FILES_SHOWN:
        facts.append(("file", f"... and {len(burst.files) - FILES_SHOWN} more"))
    for row in burst.runs:
        facts.append(("run", f"{row.arn.rsplit('/', 1)[-1] or short(row.run)}: {row.state}, cause {row.cause}"))
    facts += [("version", f"{version}: {version.state}") for version in _versions(connection, model, burst.ids)]
    screen.facts(facts)


def _versions(connection: Connection, model: str, ids: set[str]) -> Iterator[serving.Version]:
    """The model versions that carry one of the ids; the newest are asked."""
    sagemaker = connection.client("sagemaker")
    for version in serving.versions(connection, model) if ids else ():
        told = sagemaker.describe_model_package(ModelPackageName=version.arn).get("CustomerMetadataProperties", {})
        if told.get("correlation_id") in ids:
            yield version
