"""`millrace replay`: let the trigger look again at a file, a day, a run's data, or what it gave up on."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

import typer

from millrace.cli import arrivals, coming, drop, executions, manifests, screen, system, tables
from millrace.cli.connect import Connection, Options
from millrace.cli.ledger import is_file, open_ledger
from millrace.cli.ledger_rows import REJECTED, FileRow
from millrace.cli.tables import Upload
from millrace.errors import MillraceError

BATCH = 10

replay = typer.Typer(
    no_args_is_help=True,
    help="Let the trigger look again: at a file, a day, the data of a run, or the messages it gave up on.\n\n"
    "Examples: millrace replay file claims.csv; millrace replay dlq; millrace replay run latest",
)


@replay.command()
def file(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="The file: its S3 address, its key, or the end of its key.")],
    version_id: Annotated[
        str, typer.Option("--version-id", help="A version of it (default: the current one).", metavar="ID")
    ] = "",
) -> None:
    """Check a file again and train on it again, whatever became of it before.

    Example: millrace replay file raw/claims-fraud/claims/march.csv
    """
    work = _open(context.obj)
    upload = _find_file(work, key, version_id)
    before = open_ledger(work.connection, work.deployed)
    known = tables.rows(before, work.deployed, [upload]).get(upload)
    work.send([_of_file(work.deployed, upload)])
    screen.say(f"  {upload.key} (version {upload.version_id}): sent to be looked at again")
    row = _after(work, upload, known)
    if row and row.state == REJECTED:
        screen.say(f"  It was refused again ({row.reason_code}): {row.reason}", screen.BAD)
        raise typer.Exit(1)
    screen.say("  " + drop.outlook(work.connection, work.deployed, upload.model))


@replay.command()
def day(
    context: typer.Context,
    wanted: Annotated[str, typer.Argument(help="The day, in the time zone of this machine.", metavar="YYYY-MM-DD")],
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
) -> None:
    """Look again at every file that was uploaded on a day and is still there.

    Example: millrace replay day 2026-11-20
    """
    chosen = _day(wanted)
    work = _open(context.obj)
    models = [work.deployed.model(model)] if model else list(work.deployed.models)
    found = [
        each.upload
        for name in models
        for table in work.deployed.tables[name]
        for each in tables.current(work.connection, work.deployed, name, table)
        if each.modified.astimezone().date() == chosen
    ]
    if not found:
        raise MillraceError(f"no file that is there now was uploaded on {chosen}: `millrace ledger` lists all")
    work.send([_of_file(work.deployed, upload) for upload in found])
    count = screen.number(len(found), "file")
    screen.say(f"  {count} sent to be looked at again (`millrace ledger`, `millrace runs --follow`)")


@replay.command()
def run(
    context: typer.Context,
    wanted: Annotated[str, typer.Argument(help="A run's id or name, or `latest`.", metavar="RUN")],
    model: Annotated[str | None, typer.Option(help="The model, for `latest`.")] = None,
) -> None:
    """Start a run again on exactly the data it had.

    Example: millrace replay run latest
    """
    work = _open(context.obj)
    name, repeated = manifests.find_name(work.connection, work.deployed, wanted, model=model)
    look = coming.Look(work.connection, work.deployed, [name])
    before = {each.arn for each in executions.recent(work.connection, model=name, limit=1)}
    request = {"model": name, "cause": "replay", "run": repeated, "reason": "millrace replay run"}
    work.send([{"start": {**request, "request": uuid.uuid4().hex}}])
    screen.say(f"  The data of {wanted} ({repeated[:12]}): sent to be trained on again")
    arn = look.started(before)
    if arn is None:
        raise typer.Exit(1)
    screen.say(f"  Run {arn.rsplit('/', 1)[-1]} has started (`millrace runs --follow`)", screen.GOOD)


@replay.command()
def dlq(
    context: typer.Context,
    look: Annotated[bool, typer.Option("--list", help="Only list them with their reasons.")] = False,
) -> None:
    """Send the messages that the functions gave up on back to their queues.

    Example: millrace replay dlq --list
    """
    from millrace.cli import dead_letters

    work = _open(context.obj)
    number = 0
    for source, target in dead_letters.queues(work.connection, work.deployed).items():
        letters = dead_letters.take(work.connection, source)
        number += len(letters)
        if letters:
            screen.heading(source.rsplit("/", 1)[-1])
        for letter in letters:
            screen.say(f"  {letter.about}")
            screen.say(f"    {letter.reason}", screen.FAINT)
        if look:
            dead_letters.put_back(work.connection, source, letters)
        else:
            dead_letters.move(work.connection, source, target, letters)
    if not number:
        screen.say("There is no message in a dead-letter queue.")
    elif look:
        screen.say(f"{screen.number(number, 'message')}; `millrace replay dlq` sends what is there back to its queue")
    else:
        screen.say(f"{screen.number(number, 'message')} sent back (`millrace ledger`, `millrace runs`)", screen.GOOD)


@dataclass(frozen=True)
class _Work:
    connection: Connection
    deployed: system.System

    def send(self, messages: Sequence[dict[str, Any]]) -> None:
        """Put messages into the trigger's queue."""
        sqs: Any = self.connection.client("sqs")
        for start in range(0, len(messages), BATCH):
            entries = [
                {"Id": str(number), "MessageBody": json.dumps(message, ensure_ascii=False)}
                for number, message in enumerate(messages[start : start + BATCH])
            ]
            answer = sqs.send_message_batch(QueueUrl=self.deployed.queue, Entries=entries)
            if answer.get("Failed"):
                refused = answer["Failed"][0]
                raise MillraceError(f"the queue took not all messages: {refused['Code']}: {refused.get('Message', '')}")


def _open(options: Options) -> _Work:
    connection = options.connect()
    deployed = system.find(connection)
    open_ledger(connection, deployed)
    return _Work(connection, deployed)


def _of_file(deployed: system.System, upload: Upload) -> dict[str, Any]:
    place = {"bucket": deployed.raw_bucket, "key": upload.key, "version_id": upload.version_id}
    return {"replay": {"model": upload.model, **place}}


def _find_file(work: _Work, wanted: str, version_id: str) -> Upload:
    """The version that is meant, in the bucket or (when it is named) in the ledger."""
    ledger = open_ledger(work.connection, work.deployed)
    if version_id:
        rows = [row for model in work.deployed.models for row in ledger.files(model) if row.version_id == version_id]
        found = {Upload(row.model, row.table, row.key, row.version_id) for row in rows if is_file(row, wanted)}
    else:
        key = wanted.removeprefix(f"s3://{work.deployed.raw_bucket}/")
        found = {
            each.upload
            for model, names in work.deployed.tables.items()
            for table in names
            for each in tables.current(work.connection, work.deployed, model, table)
            if each.upload.key == key or each.upload.key.endswith(f"/{key}")
        }
    if len(found) == 1:
        return found.pop()
    if found:
        listed = ", ".join(sorted(upload.key for upload in found)[:5])
        raise MillraceError(f"{wanted!r} fits several files: name one by its key ({listed})")
    version = f" with the version {version_id}" if version_id else " in the raw bucket"
    raise MillraceError(f"there is no file {wanted!r}{version}: `millrace ledger` lists the files and their versions")


def _after(work: _Work, upload: Upload, known: FileRow | None) -> FileRow | None:
    """The row after the second look at the file."""

    def changed(row: FileRow) -> bool:
        return known is None or row.changed_at != known.changed_at

    return arrivals.wait(work.connection, work.deployed, [upload], done=changed).get(upload)


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError as error:
        raise MillraceError(f"{text!r} is no day: write it like 2026-11-20") from error
