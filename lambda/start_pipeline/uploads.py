"""Takes note of one uploaded (or replayed) file version in the ledger. Called by `batch.py`.

Everything here may be repeated: the row is written only if there is none, and a row that still waits for a run
asks for a look again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import unquote_plus

from shared import log

from start_pipeline.admit import EMPTY, Arrival, judge, judgement
from start_pipeline.bucket import ignored, location
from start_pipeline.errors import Again, DeadLetter, Vanished
from start_pipeline.ledger import Change
from start_pipeline.messages import Replay, Upload
from start_pipeline.rows import ASSIGNED, DELETED, REPLAY, SEEN, UPLOAD, FileRow, from_item
from start_pipeline.services import Services

VANISHED = "vanished"
CorrelationOf = Callable[[str, str], str]
"""The correlation id of a model's burst, given the id of this event."""


@dataclass(frozen=True)
class Landing:
    """A model has a file that waits for a run."""

    model: str
    now: float
    correlation: str


def receive(services: Services, upload: Upload, correlation_of: CorrelationOf) -> Landing | None:
    """Note an uploaded version; None if nothing waits. Raises DeadLetter for what can never be a model's data."""
    places = _places(services, upload)
    if not places:
        return None
    correlation = correlation_of(places[0].model, upload.event_id)
    now = max(services.clock(), upload.time)
    arrival = Arrival(UPLOAD, now, correlation)
    for place in places:
        try:
            row = judge(services, services.settings.models[place.model], place, arrival)
        except Vanished:
            continue
        return _note(services, row)
    gone = replace(places[0], state=DELETED, reason_code=VANISHED, seen_at=now, changed_at=now)
    gone = replace(gone, correlation=correlation, reason="the version was gone when its event was read")
    services.ledger(gone.model).add(gone)
    raise DeadLetter(VANISHED, f"s3://{gone.bucket}/{gone.key} has no version {gone.version_id} (any more)")


def _note(services: Services, row: FileRow) -> Landing | None:
    ledger = services.ledger(row.model)
    fields = {"model": row.model, "key": row.key, "version_id": row.version_id, "correlation_id": row.correlation}
    if ledger.add(row):
        log.info("file-" + row.state, f"{row.key}: {row.state}", **fields)
        state = row.state
    else:
        item = ledger.get(row.item)
        state = from_item(FileRow, item).state if item else SEEN
        log.info("file-known", f"{row.key}: announced again, {state}", **fields)
    if row.reason_code == EMPTY and row.size == 0:
        raise DeadLetter(EMPTY, f"s3://{row.bucket}/{row.key} (version {row.version_id}): {row.reason}")
    return Landing(row.model, row.seen_at, row.correlation) if state == SEEN else None


def _places(services: Services, upload: Upload) -> list[FileRow]:
    """The rows the event may mean: its key as it is, then decoded, for some senders encode it."""
    settings, uri = services.settings, f"s3://{upload.bucket}/{upload.key}"
    if upload.bucket != settings.raw_bucket:
        raise DeadLetter("foreign-bucket", f"{uri} is not in the raw bucket {settings.raw_bucket}")
    places, wrong = [], ""
    for key in dict.fromkeys([upload.key, unquote_plus(upload.key)]):
        model, table = location(key) or ("", "")
        if not model:
            wrong = wrong or f"{uri} is not raw/<model>/<table>/<file>"
        elif model not in settings.models:
            wrong = wrong or f"{uri}: there is no model {model!r}; known: {', '.join(settings.models)}"
        elif table not in settings.models[model].tables:
            known = ", ".join(settings.models[model].tables)
            wrong = wrong or f"{uri}: model {model} has no table {table!r}; known: {known}"
        else:
            row = FileRow(model, table, upload.bucket, key, upload.version_id, SEEN)
            places.append(replace(row, etag=upload.etag, size=upload.size))
    if places and ignored(places[0].key):
        return []
    if not places and not ignored(upload.key):
        raise DeadLetter("unknown-table", wrong)
    return places


def replay(services: Services, wanted: Replay, *, request: str, correlation: str) -> Landing | None:
    """Take a version again, as if it were uploaded now; at most once for each request."""
    place = location(wanted.key)
    model = services.settings.models[wanted.model]
    if wanted.bucket != services.settings.raw_bucket or not place or place[0] != wanted.model:
        raise DeadLetter("foreign-bucket", f"s3://{wanted.bucket}/{wanted.key} is no raw file of {wanted.model}")
    if ignored(wanted.key):
        raise DeadLetter("ignored", f"{wanted.key} is a marker or half-written: such names are never data")
    if place[1] not in model.tables:
        known = ", ".join(model.tables)
        raise DeadLetter("unknown-table", f"{wanted.model} has no table {place[1]!r}; known: {known}")
    now, ledger = services.clock(), services.ledger(wanted.model)
    fresh = FileRow(wanted.model, place[1], wanted.bucket, wanted.key, wanted.version_id, SEEN)
    item = ledger.get(fresh.item)
    old = from_item(FileRow, item) if item else None
    if old and (old.state in (SEEN, ASSIGNED) or old.replayed == request):
        log.info("file-known", f"{old.key}: is {old.state} already", model=old.model, key=old.key)
        return Landing(old.model, now, old.correlation or correlation) if old.state == SEEN else None
    try:
        row = judge(services, model, replace(fresh, replayed=request), Arrival(REPLAY, now, correlation))
    except Vanished as error:
        raise DeadLetter(VANISHED, str(error)) from error
    if old is None:
        return _note(services, row)
    values, removed = judgement(row)
    values = {**values, "replayed": request, "correlation": correlation}
    if not ledger.change(Change(row.item, values, removed, {"state": old.state, "replayed": old.replayed or None})):
        raise Again(f"the row of {row.key} was changed meanwhile")
    log.info("file-replayed", f"{row.key}: {row.state}", model=row.model, key=row.key, correlation_id=correlation)
    return Landing(row.model, now, correlation) if row.state == SEEN else None
