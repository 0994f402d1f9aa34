"""What ends a job before its time.

JobError      the job is Failed, the text is its FailureReason
JobStopped    the job was asked to stop, or ran longer than it may
"""

from __future__ import annotations

from millrace.errors import MillraceError

REASON_LENGTH = 1024


class JobError(MillraceError):
    """The text is what FailureReason says."""


class JobStopped(MillraceError):
    """Raised where a job looks whether it may go on."""
