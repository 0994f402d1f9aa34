"""What can come between a message and its work. Raised anywhere here; `work.py` acts on them.

Unusable   the message is of no use, however often it is delivered: to the dead letters, with the reason
OutOfTime  Lambda ends soon: the message comes back
"""

from __future__ import annotations

from typing import Any

BUSY = {
    *("Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown"),
    *("ResourceLimitExceeded", "LimitExceededException", "ServiceQuotaExceededException"),
}
"""How AWS says that it would do it later: too many calls, or too many executions at once."""
GONE = {"NoSuchKey", "NoSuchVersion", "NotFound", "404", "MethodNotAllowed", "405"}
"""How S3 says that there is no such version; a delete marker's version may not be read (405)."""
REFUSED = {"AccessDenied", "403", "Forbidden"}


class Unusable(Exception):
    """`code` is for machines, the text for people."""

    def __init__(self, code: str, explanation: str) -> None:
        self.code = code
        super().__init__(explanation)


class OutOfTime(Exception):
    pass


def code_of(error: BaseException) -> str:
    """AWS's code of an error, else the error's own name."""
    response: Any = getattr(error, "response", None)
    return str(response["Error"]["Code"]) if response else type(error).__name__
