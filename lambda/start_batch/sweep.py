"""The hourly look: starts every current upload that has no marker, for events get lost. Called by `work.py`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError
from shared import log

from start_batch.errors import BUSY, OutOfTime, code_of
from start_batch.inputs import PREFIX, Input, input_of, is_ignored, markers_prefix, refusal, uploads_prefix
from start_batch.services import Services
from start_batch.settings import Model
from start_batch.start import start

MARGIN_SECONDS = 20
"""Less time than this is not enough for another start."""


@dataclass(frozen=True)
class Waiting:
    """A current upload that nothing was started for."""

    input: Input
    size: int
    modified: datetime


def sweep(services: Services, model: Model, *, deadline: float) -> list[str]:
    """Start what waits, the oldest first; the ARNs of what was started. One upload's trouble is no other's."""
    waiting = sorted(_waiting(services, model), key=lambda each: (each.modified, each.input.key))
    log.info("batch-sweep", f"{model.name}: {len(waiting)} uploads were not started yet", model=model.name)
    started: list[str] = []
    troubles: list[Exception] = []
    for done, each in enumerate(waiting):
        if services.clock() > deadline - MARGIN_SECONDS:
            raise OutOfTime(f"{model.name}: {len(waiting) - done} uploads are left to start")
        try:
            started.append(start(services, each.input, size=each.size))
        except (BotoCoreError, ClientError) as error:
            if code_of(error) in BUSY:
                log.warning("batch-busy", f"{model.name}: the next look goes on: {error}", model=model.name)
                break
            log.error("batch-failed", f"{each.input.key}: {error}", model=model.name, key=each.input.key)
            troubles.append(error)
    if troubles:
        raise troubles[0]
    return [arn for arn in started if arn]


def strangers(services: Services) -> list[str]:
    """Models that files were uploaded for, and that do not exist: their uploads reach no rule."""
    pages = services.s3.get_paginator("list_object_versions").paginate(
        Bucket=services.settings.raw_bucket, Prefix=f"{PREFIX}/", Delimiter="/"
    )
    found = [entry["Prefix"].split("/")[1] for page in pages for entry in page.get("CommonPrefixes", ())]
    return [name for name in found if name not in services.settings.models]


def _waiting(services: Services, model: Model) -> Iterator[Waiting]:
    """Current versions only: what was overwritten or deleted before anybody saw it is not wanted any more."""
    bucket, started = services.settings.raw_bucket, _started(services, model)
    pages = services.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=uploads_prefix(model.name))
    for page in pages:
        for listed in page.get("Versions", ()):
            if not listed["IsLatest"] or is_ignored(listed["Key"]):
                continue
            wanted = input_of(model, bucket=bucket, key=listed["Key"], version_id=listed["VersionId"])
            why = refusal(model, listed["Size"]) if wanted else f"it ends in none of {model.suffixes}"
            if why:
                log.warning("batch-refused", f"{listed['Key']} is not scored: {why}", model=model.name)
            elif wanted and wanted.marker_key not in started:
                yield Waiting(wanted, listed["Size"], listed["LastModified"])


def _started(services: Services, model: Model) -> frozenset[str]:
    pages = services.s3.get_paginator("list_objects_v2").paginate(
        Bucket=services.settings.artifact_bucket, Prefix=markers_prefix(model.name)
    )
    return frozenset(item["Key"] for page in pages for item in page.get("Contents", ()))
