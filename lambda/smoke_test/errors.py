"""What the function raises.

MessageError    a message nobody can act on
FailedError     the version failed the test
  SlowError     it is only too slow, which may be the account's fault as well
GrantError      a call that a policy does not allow; says nothing about the version
"""

from __future__ import annotations


class MessageError(ValueError):
    """A message nobody can act on, however often it is delivered."""


class FailedError(Exception):
    """The version failed the test; the text says what is wrong and what to do."""


class SlowError(FailedError):
    """Its answers are right, but late."""


class GrantError(Exception):
    """A call was denied; the text names the statement that must allow it."""
