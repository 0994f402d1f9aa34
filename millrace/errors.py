"""The errors of the toolbox. The CLI turns a MillraceError into one line and exit code 1.

MillraceError
"""

from __future__ import annotations


class MillraceError(Exception):
    """Something the user can act on: the message says what, which value, what is allowed, what to do."""
