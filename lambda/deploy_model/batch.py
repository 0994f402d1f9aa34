"""Works off a batch of SQS records. Called by `handler.py`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from deploy_model.deploy import Deployer
from deploy_model.errors import GrantError, MessageError
from deploy_model.messages import Request, read
from deploy_model.served import Callbacks

log = logging.getLogger(__name__)


def handle(
    records: list[Mapping[str, Any]], deployer: Deployer, callbacks: Callbacks | None = None
) -> dict[str, list[dict[str, str]]]:
    """Reconcile for each record on its own: they are few, and the second look costs few calls."""
    failed = [record["messageId"] for record in records if not _handled(record, deployer, callbacks)]
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}


def _handled(record: Mapping[str, Any], deployer: Deployer, callbacks: Callbacks | None) -> bool:
    try:
        if callbacks and callbacks.take(record["body"]):
            return True
        requests = read(record["body"], deployer.settings)
    except MessageError as error:
        log.error("message %s cannot be read: %s", record["messageId"], error)
        return False
    except Exception:
        log.exception("message %s failed and will be delivered again", record["messageId"])
        return False
    if not requests:
        log.info("message %s is about another model", record["messageId"])
    # All of them first: the trouble of one model keeps no other one waiting.
    done = [_reconciled(record["messageId"], request, deployer) for request in requests]
    return all(done)


def _reconciled(message: str, request: Request, deployer: Deployer) -> bool:
    try:
        deployer.reconcile(request)
    except GrantError as error:
        log.error("message %s will be delivered again, nothing is deployed: %s", message, error)
        return False
    except Exception:
        log.exception("message %s failed and will be delivered again", message)
        return False
    return True
