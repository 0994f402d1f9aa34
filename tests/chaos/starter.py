"""The function under test, `start_pipeline`, as the world calls it. Nothing else here imports it."""

from __future__ import annotations

import logging
from typing import Any

from shared import log
from start_pipeline import batch
from start_pipeline.services import Services
from start_pipeline.settings import ModelSettings, StarterSettings

from tests.chaos.aws.queues import DEAD_LETTERS_URL, QUEUE_URL
from tests.chaos.users import ARTIFACTS, LEDGER, RAW
from tests.chaos.world import Place


def start_pipeline(records: list[dict[str, Any]], place: Place) -> dict[str, Any]:
    """A fresh process for each batch: nothing that it keeps in memory may matter."""
    settings = StarterSettings(
        raw_bucket=RAW,
        artifact_bucket=ARTIFACTS,
        ledger_table=LEDGER,
        queue_url=QUEUE_URL,
        dead_letters_url=DEAD_LETTERS_URL,
        models={name: ModelSettings.of(name, values) for name, values in place.models.items()},
    )
    services = Services(settings=settings, clock=place.clock, sleep=place.sleep, workers=1, **place.clients)
    return dict(batch.handle(records, services, deadline=place.deadline))


def silence() -> None:
    """Histories are full of errors that the function is right to log."""
    log.LOGGER.setLevel(logging.CRITICAL + 1)
