"""How each service words that it was asked too often, and that it broke: from its API reference and model."""

from __future__ import annotations

from typing import Any

from millrace.local.service import ServiceError
from millrace.local.wire import Operation

THROTTLED = {
    "cloudformation": ("Throttling", 400),
    "cloudwatch": ("Throttling", 400),
    "ecr": ("ThrottlingException", 400),
    "iam": ("Throttling", 400),
    "lambda": ("TooManyRequestsException", 429),
    "s3": ("SlowDown", 503),
    "scheduler": ("ThrottlingException", 429),
    "sns": ("Throttled", 429),
    "sqs": ("RequestThrottled", 403),
    "sts": ("Throttling", 400),
}
BROKEN = {
    "dynamodb": "InternalServerError",
    "kms": "KMSInternalException",
    "lambda": "ServiceException",
    "s3": "InternalError",
}
MESSAGES = {"SlowDown": "Please reduce your request rate."}
FIELDS: dict[str, dict[str, Any]] = {
    "TooManyRequestsException": {"Type": "User", "Reason": "CallerRateLimitExceeded"},
}
STATUSES = {"ServiceUnavailable": 503, "ServiceUnavailableException": 503, "RequestLimitExceeded": 400}


def throttled(operation: Operation, code: str = "") -> ServiceError:
    """The error with which the service refuses what comes too often, or the one that is asked for."""
    known, status = THROTTLED.get(operation.service, ("ThrottlingException", 400))
    if code and code != known:
        status = STATUSES.get(code, 500 if code.startswith(("Internal", "Service")) else 400)
    chosen = code or known
    message = MESSAGES.get(chosen, "Rate exceeded" if status < 500 else "Please try again.")
    return ServiceError(chosen, message, status=status, **FIELDS.get(chosen, {}))


def broken(operation: Operation, code: str = "") -> ServiceError:
    """The error of a service that did something and then could not say so."""
    chosen = code or BROKEN.get(operation.service, "InternalFailure")
    return ServiceError(chosen, "We encountered an internal error. Please try again.", status=500)
