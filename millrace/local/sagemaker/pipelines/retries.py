"""Retry policies of a step: which faults of the service are tried again, how often and how far apart.

A non-zero exit of a job's own code is never retried: the service does not either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from millrace.local.sagemaker.pipelines.errors import DefinitionError

STEP_FAULT, THROTTLING = "Step.SERVICE_FAULT", "Step.THROTTLING"
JOB_FAULT, CAPACITY, LIMIT = (
    "SageMaker.JOB_INTERNAL_ERROR",
    "SageMaker.CAPACITY_ERROR",
    "SageMaker.RESOURCE_LIMIT",
)
EXCEPTION_TYPES = (STEP_FAULT, THROTTLING, JOB_FAULT, CAPACITY, LIMIT)
_THROTTLING_CODES = ("ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded")


@dataclass(frozen=True)
class RetryPolicy:
    """Seconds before the first retry, the growth of that pause, and the bound on retries or minutes."""

    exceptions: tuple[str, ...]
    interval: int = 1
    backoff: float = 2.0
    attempts: int | None = None
    expire_minutes: int | None = None

    def pause(self, retries: int) -> float:
        """Seconds to wait before the next retry, when `retries` were made already."""
        return self.interval * self.backoff**retries


DEFAULTS = (RetryPolicy(exceptions=(STEP_FAULT, THROTTLING), attempts=2),)


def parse_retry_policy(raw: dict[str, Any]) -> RetryPolicy:
    """The record of one entry of `RetryPolicies`."""
    exceptions = raw.get("ExceptionType")
    if not isinstance(exceptions, list) or not exceptions or not set(exceptions) <= set(EXCEPTION_TYPES):
        raise DefinitionError(
            f"Invalid ExceptionType {exceptions!r} of a retry policy: a list of {', '.join(EXCEPTION_TYPES)}."
        )
    attempts, minutes = raw.get("MaxAttempts"), raw.get("ExpireAfterMin")
    if (attempts is None) == (minutes is None):
        raise DefinitionError("A retry policy needs either MaxAttempts or ExpireAfterMin.")
    for name in ("IntervalSeconds", "MaxAttempts", "ExpireAfterMin"):
        if name in raw and (not isinstance(raw[name], int) or raw[name] < 1):
            raise DefinitionError(f"Invalid {name} {raw[name]!r} of a retry policy: a whole number above 0 is needed.")
    backoff = raw.get("BackoffRate", 2.0)
    if not isinstance(backoff, int | float) or backoff <= 0:
        raise DefinitionError(f"Invalid BackoffRate {backoff!r} of a retry policy: a number above 0 is needed.")
    return RetryPolicy(tuple(exceptions), raw.get("IntervalSeconds", 1), float(backoff), attempts, minutes)


def fault_of_call(code: str, status: int) -> str | None:
    """The exception type of an API call that failed, or None if no policy can retry it."""
    if code in _THROTTLING_CODES:
        return THROTTLING
    if code == "ResourceLimitExceeded":
        return LIMIT
    return STEP_FAULT if status >= 500 else None


def fault_of_job(reason: str) -> str | None:
    """The exception type of a job that failed, by its FailureReason."""
    if reason.startswith("CapacityError"):
        return CAPACITY
    return JOB_FAULT if reason.startswith(("InternalServerError", "InternalServerException")) else None


def policy_for(
    policies: Iterable[RetryPolicy], fault: str | None, *, retries: int, minutes: float
) -> RetryPolicy | None:
    """The policy by which a step that failed with `fault` is tried again, or None when it is given up."""
    for policy in (*policies, *DEFAULTS):
        if fault not in policy.exceptions:
            continue
        in_attempts = policy.attempts is None or retries < policy.attempts
        in_time = policy.expire_minutes is None or minutes < policy.expire_minutes
        return policy if in_attempts and in_time else None
    return None
