"""What can come between a message and its work. Raised anywhere here; `batch.py` and `look.py` act on them.

DeadLetter   the message is of no use, however often it is delivered: to the dead letters, with the reason
Again        the world changed between reading and writing: look again
LostLock     another invocation goes on with this start, or has ended it: stop here
OutOfTime    Lambda ends soon: go on in another invocation
Vanished     an object version is gone for good
"""

from __future__ import annotations

from typing import Any


class DeadLetter(Exception):
    """`code` is for machines, the text for people."""

    def __init__(self, code: str, explanation: str) -> None:
        self.code = code
        super().__init__(explanation)


class Again(Exception):
    pass


class LostLock(Exception):
    pass


class OutOfTime(Exception):
    pass


class Vanished(Exception):
    pass


def code_of(error: BaseException) -> str:
    """AWS's code of an error, else the error's own name."""
    response: Any = getattr(error, "response", None)
    return str(response["Error"]["Code"]) if response else type(error).__name__
