"""What the function raises.

MessageError    a message nobody can act on
RefusedError    a version that must not be deployed
"""

from __future__ import annotations


class MessageError(ValueError):
    """A message nobody can act on, however often it is delivered."""


class RefusedError(Exception):
    """A version that must not be deployed; the text says what is wrong and what to do."""
