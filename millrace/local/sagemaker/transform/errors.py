"""What may go wrong with one input file of a transform job; the other files are still processed."""

from __future__ import annotations

from millrace.errors import MillraceError

CLIENT, ALGORITHM = "ClientError", "AlgorithmError"


class FileFailed(MillraceError):
    """`kind` says whose fault it is, and is what the job's FailureReason begins with."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
