"""What the function raises.

MessageError    a message nobody can act on
RefusedError    a version that must not be deployed
GrantError      a call that a policy does not allow, or a registry that is not there; says nothing about the version
"""

from __future__ import annotations


class MessageError(ValueError):
    """A message nobody can act on, however often it is delivered."""


class RefusedError(Exception):
    """A version that must not be deployed; the text says what is wrong and what to do."""


class GrantError(Exception):
    """A call was denied; the text names the statement that must allow it, or what has to be deployed first."""
