"""What went wrong, in one line with what to do: our own errors and those of boto3."""

from __future__ import annotations

import sys
from typing import Any

from millrace.errors import MillraceError

HINTS = {
    "AccessDenied": "the credentials in use lack this right",
    "AccessDeniedException": "the credentials in use lack this right",
    "ExpiredToken": "log in again",
    "ExpiredTokenException": "log in again",
    "ResourceNotFound": "is it deployed? `millrace` shows where you are",
    "ResourceNotFoundException": "is it deployed? `millrace` shows where you are",
}


def describe(error: Exception) -> str | None:
    """One line for the user, or None for an error nobody expected (it deserves its traceback)."""
    if isinstance(error, MillraceError):
        return str(error)
    exceptions: Any = sys.modules.get("botocore.exceptions")
    if exceptions is not None:
        if isinstance(error, exceptions.ClientError):
            return _of_service(error.response["Error"], error.operation_name)
        if isinstance(error, exceptions.EndpointConnectionError | exceptions.ConnectionClosedError):
            return f"{error} Is the embedded AWS still running? `millrace up` starts it"
        if isinstance(error, exceptions.BotoCoreError):
            return str(error)
    if isinstance(error, FileNotFoundError | IsADirectoryError | PermissionError | UnicodeDecodeError):
        return str(error)
    return None


def _of_service(answer: dict[str, Any], operation: str) -> str:
    code = str(answer.get("Code", "Unknown"))
    hint = HINTS.get(code)
    return f"{operation}: {code}: {answer.get('Message', '')}" + (f" ({hint})" if hint else "")
