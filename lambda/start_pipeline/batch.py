"""Works off a batch of SQS records. Called by `handler.py`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from start_pipeline.messages import MessageError, parse
from start_pipeline.start import Starter

log = logging.getLogger(__name__)


def handle(records: list[Mapping[str, Any]], starter: Starter) -> dict[str, list[dict[str, str]]]:
    """Look once at each model the batch is about, however many of its messages name it."""
    askers: dict[str, list[str]] = {}
    failed: list[str] = []
    for record in records:
        identifier = record["messageId"]
        try:
            request = parse(record["body"], starter.settings)
        except MessageError as error:
            log.error("message %s cannot be read: %s", identifier, error)
            failed.append(identifier)
            continue
        if request.ignored:
            log.warning("message %s ignored: %s", identifier, request.ignored)
        for model in request.models:
            askers.setdefault(model, []).append(identifier)
    for model, identifiers in askers.items():
        try:
            starter.start(model)
        except Exception:
            log.exception("%s: could not start; messages %s will be delivered again", model, identifiers)
            failed.extend(identifiers)
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in dict.fromkeys(failed)]}
