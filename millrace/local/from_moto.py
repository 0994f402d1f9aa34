"""moto's answers, for the gateway: what moto lacks, or only pretends to do, is refused by its name.

moto answers what it has not with a page of HTML or an exception, which clients take for a fault and try again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from typing import Any

from millrace.local.service import ServiceError

log = logging.getLogger("millrace.gateway")

HTML = b"<!doctype html>"
NO_SESSION = "sessions are those of roles: use AssumeRole"
# moto answers these without doing what they ask for.
PRETENDED = {
    "athena:StartQueryExecution": "it runs no queries: read the files from S3",
    "logs:StartLiveTail": "it has no live tail: use FilterLogEvents or `aws logs tail --follow`",
    "logs:StartQuery": "it has no Logs Insights: use FilterLogEvents, `aws logs tail` or `millrace logs`",
    "s3:SelectObjectContent": "it reads no contents: get the object",
    "sts:GetFederationToken": NO_SESSION,
    "sts:GetSessionToken": NO_SESSION,
}

Moto = Callable[[dict[str, Any], Any], Any]


def lacking(operation: str, why: str = "") -> ServiceError:
    """The refusal of an operation (`sqs:SendMessage`) that the embedded AWS does not have."""
    reason = f": {why}." if why else " yet. docs/fidelity.md lists what it has."
    text = f"The embedded AWS does not have {operation}{reason}"
    if operation.startswith("s3:"):
        return ServiceError("NotImplemented", text, status=501)
    return ServiceError("UnknownOperationException", text)


def check(operation: str) -> None:
    """Refuse what moto only pretends to do."""
    if operation in PRETENDED:
        raise lacking(operation, PRETENDED[operation])


def answer(moto: Moto, operation: str, environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """What moto answers; ServiceError when it lacks the operation, or fails."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
        started[:] = [(status, headers)]

    try:
        with closing(moto(environ, start)) as chunks:
            body = list(chunks)
    except NotImplementedError:
        raise lacking(operation) from None
    except Exception as error:
        log.exception("%s failed in moto", operation)
        text = f"{operation} failed with {type(error).__name__}: {error}. See the log of the embedded AWS."
        raise ServiceError("InternalFailure", text, status=500) from error
    status, headers = started[0]
    if status[:3] in ("404", "405") and b"".join(body)[: len(HTML)].lower() == HTML:
        raise lacking(operation)
    start_response(status, headers)
    return body
