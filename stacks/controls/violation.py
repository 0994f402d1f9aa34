"""What a control reports. Every violation says what is wrong, why it matters and what to change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stacks.controls.templates import Templates


@dataclass(frozen=True)
class Violation:
    """`resource` is the logical id in the template `template`, with the step's name for a job of a pipeline."""

    control: str
    template: str
    resource: str
    what: str
    why: str
    change: str

    def __str__(self) -> str:
        return f"{self.resource}: {self.what}\n  why: {self.why}\n  change: {self.change}"


Control = Callable[[Templates], Iterator[Violation]]
