"""What the trigger did, in the order of time: the runs it started and the looks that started nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from millrace.cli import screen
from millrace.cli.connect import Connection
from millrace.cli.executions import Run
from millrace.cli.ledger_rows import Ledger, RunRow, Skip, is_run_name, short
from millrace.cli.system import System

HEADER = ("run", "model", "state", "started", "took", "cause", "files", "reason")
SKIPPED = "Skipped"
SKIPS_READ = 100


@dataclass(frozen=True)
class Entry:
    """One line: a run with its row of the ledger, or several like skips in a row, the newest first."""

    when: datetime
    run: Run | None = None
    row: RunRow | None = None
    skip: Skip | None = None
    times: int = 1

    def cells(self, now: datetime, names: Mapping[str, str]) -> tuple[str, ...]:
        started = moment(self.when)
        if self.run is not None:
            run, row = self.run, self.row
            took = screen.duration(run.seconds(now))
            cause, files = (row.cause, files_of(row)) if row else ("by hand", "")
            return (run.id, run.model, run.state, started, took, cause, files, first_line(run.failure))
        assert self.skip is not None
        reason = renamed(self.skip.reason, names) + (f" ({self.times} times)" if self.times > 1 else "")
        return ("-", self.skip.model, SKIPPED, started, "", self.skip.cause, "", reason)


def read(connection: Connection, deployed: System | None, runs: Sequence[Run], models: Iterable[str]) -> list[Entry]:
    """The runs and the skips between them, newest first; without a ledger the runs alone."""
    if deployed is None or not deployed.ledger:
        return [Entry(run.started, run=run) for run in runs]
    ledger = Ledger(connection, deployed.ledger)
    rows = rows_of(ledger, runs)
    entries: list[Entry] = []
    for model in models:
        own = [Entry(run.started, run=run, row=rows.get(run.name)) for run in runs if run.model == model]
        own += [Entry(_time(skip.time), skip=skip, times=skip.times) for skip in ledger.skips(model, limit=SKIPS_READ)]
        entries += collapse(sorted(own, key=lambda entry: entry.when, reverse=True))
    return sorted(entries, key=lambda entry: entry.when, reverse=True)


def rows_of(ledger: Ledger, runs: Iterable[Run]) -> dict[str, RunRow]:
    """The ledger's rows of these runs by name; a run that someone started by hand has none."""
    named: dict[str, list[str]] = {}
    for run in runs:
        if is_run_name(run.name):
            named.setdefault(run.model, []).append(run.name)
    return {name: row for model, names in named.items() for name, row in ledger.run_rows(model, names).items()}


def collapse(entries: Iterable[Entry]) -> list[Entry]:
    """One entry for a model's skips that follow each other for the same reason: the schedule looks every hour."""
    found: list[Entry] = []
    for entry in entries:
        last = found[-1] if found else None
        if last and last.skip and entry.skip and _same(last.skip, entry.skip):
            found[-1] = Entry(last.when, skip=last.skip, times=last.times + entry.times)
        else:
            found.append(entry)
    return found


def renamed(text: str, names: Mapping[str, str]) -> str:
    """The text with the ids of runs instead of the ledger's names for them."""
    for name, run_id in names.items():
        text = text.replace(name, run_id).replace(short(name), run_id)
    return text


def ids(runs: Iterable[Run]) -> dict[str, str]:
    """A run's id by the ledger's name for it."""
    return {run.name: run.id for run in runs if is_run_name(run.name)}


def files_of(row: RunRow) -> str:
    return f"{row.files}, {row.new_files} new"


def moment(when: datetime) -> str:
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""


def _same(one: Skip, other: Skip) -> bool:
    return (one.model, one.code, one.reason) == (other.model, other.code, other.reason)


def _time(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)
