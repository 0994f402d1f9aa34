"""What a deployment reports while it runs; the CLI shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class Progress:
    """Something happened: to an asset, to one resource of a stack, or to a stack as a whole.

    `subject` is a construct path where the assembly knows it, else the logical id or the asset's name.
    """

    kind: Literal["asset", "resource", "stack"]
    stack: str
    subject: str
    type: str
    status: str
    reason: str | None = None
    at: datetime | None = None


Report = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """For callers that want no reports."""
