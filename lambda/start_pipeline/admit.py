"""Decides on one object version: reads its first bytes, checks them, and puts what is no table into quarantine.

Called for an upload, by a look that finds a version nobody announced, and for a replay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared import log

from start_pipeline.bucket import read_head
from start_pipeline.check import HEAD_BYTES, TableSpec, check_head, suffix_finding
from start_pipeline.quarantine import quarantine
from start_pipeline.rows import REJECTED, SEEN, FileRow
from start_pipeline.services import Services
from start_pipeline.settings import ModelSettings

EMPTY = "empty"
JUDGEMENT = ("state", "source", "seen_at", "changed_at", "reason_code", "reason", "quarantine")


@dataclass(frozen=True)
class Arrival:
    """When, how and in which burst a version became known."""

    source: str
    now: float
    correlation: str


def judge(services: Services, model: ModelSettings, row: FileRow, arrival: Arrival) -> FileRow:
    """The row of a version after the check: seen or rejected. Raises Vanished if the version is gone."""
    head = read_head(services.s3, bucket=row.bucket, key=row.key, version_id=row.version_id, length=HEAD_BYTES)
    row = replace(
        row,
        state=SEEN,
        etag=head.etag or row.etag,
        size=head.size,
        modified=head.modified or row.modified,
        source=arrival.source,
        seen_at=arrival.now,
        changed_at=arrival.now,
        correlation=row.correlation or arrival.correlation,
        reason_code="",
        reason="",
        quarantine="",
    )
    unfit = suffix_finding(row.key, model.trigger.suffixes)
    finding = unfit or check_head(head.data, head.size, TableSpec.of(model, row.table))
    if finding is None:
        return row
    # What has another suffix is no data gone wrong but something else: it is not copied.
    uri = "" if unfit else quarantine(services.s3, services.settings, model.name, row.table, row, finding)
    log.warning(
        "file-rejected",
        f"{row.key}: rejected: {finding.reason}",
        model=model.name,
        key=row.key,
        version_id=row.version_id,
        reason_code=finding.code,
        quarantine=uri,
        correlation_id=row.correlation,
    )
    return replace(row, state=REJECTED, reason_code=finding.code, reason=finding.reason, quarantine=uri)


def judgement(row: FileRow) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """What a new judgement changes in an existing row: the values to set, and the attributes to remove."""
    values = {name: getattr(row, name) for name in JUDGEMENT}
    return {name: value for name, value in values.items() if value != ""}, tuple(
        name for name, value in values.items() if value == ""
    )
