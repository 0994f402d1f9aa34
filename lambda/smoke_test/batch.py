"""Works off a batch of SQS records. Called by `handler.py`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from smoke_test.errors import GrantError, MessageError
from smoke_test.messages import model_of
from smoke_test.test import SmokeTest

NEEDED_MS = 70_000
"""What a test of a slow endpoint may take; with less time left a message is handed back."""

log = logging.getLogger(__name__)


def handle(
    records: list[Mapping[str, Any]], test: SmokeTest, left_ms: Callable[[], float]
) -> dict[str, list[dict[str, str]]]:
    """Test each model once: a test looks at what is deployed now, whatever the message saw."""
    done: dict[str, bool] = {}
    failed = [record["messageId"] for record in records if not _handled(record, test, left_ms, done)]
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}


def _handled(record: Mapping[str, Any], test: SmokeTest, left_ms: Callable[[], float], done: dict[str, bool]) -> bool:
    try:
        model = model_of(record["body"], test.settings)
    except MessageError as error:
        log.error("message %s cannot be read: %s", record["messageId"], error)
        return False
    if model is None:
        log.info("message %s is about nothing to test", record["messageId"])
        return True
    if model not in done:
        if left_ms() < NEEDED_MS and done:
            return False
        done[model] = _tested(model, test)
    return done[model]


def _tested(model: str, test: SmokeTest) -> bool:
    try:
        test.run(model)
    except GrantError as error:
        log.error("%s will be tested again: %s", model, error)
        return False
    except Exception:
        log.exception("the test of %s did not come to a result and will be repeated", model)
        return False
    return True
