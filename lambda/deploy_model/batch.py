"""Works off a batch of SQS records. Called by `handler.py`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from deploy_model.deploy import Deployer
from deploy_model.errors import MessageError
from deploy_model.messages import parse

log = logging.getLogger(__name__)


def handle(records: list[Mapping[str, Any]], deployer: Deployer) -> dict[str, list[dict[str, str]]]:
    """Reconcile for each record on its own: they are few, and the second look costs two calls."""
    failed = [record["messageId"] for record in records if not _handled(record, deployer)]
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}


def _handled(record: Mapping[str, Any], deployer: Deployer) -> bool:
    try:
        request = parse(record["body"], deployer.settings)
        if request.model is None:
            log.info("message %s is about another model", record["messageId"])
        else:
            deployer.reconcile(request.model, approved=request.approved)
    except MessageError as error:
        log.error("message %s cannot be read: %s", record["messageId"], error)
        return False
    except Exception:
        log.exception("message %s failed and will be delivered again", record["messageId"])
        return False
    return True
