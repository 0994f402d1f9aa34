"""What the validator found: records, the list that collects them, and the error that fails the synth."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

NOTHING = object()


@dataclass(frozen=True)
class Place:
    """Where in the definition: the step (empty for the definition itself) and the path inside it."""

    step: str
    path: str = ""

    def member(self, name: str) -> Place:
        return Place(self.step, f"{self.path}.{name}" if self.path else name)

    def index(self, position: int) -> Place:
        return Place(self.step, f"{self.path}[{position}]")

    def key(self, name: str) -> Place:
        return Place(self.step, f"{self.path}[{name!r}]")


@dataclass(frozen=True)
class Violation:
    """One mistake: where it is, what is wrong, the value found, what is allowed and what to do."""

    step: str
    path: str
    problem: str
    value: str = ""
    allowed: str = ""
    advice: str = ""

    def __str__(self) -> str:
        where = ": ".join(part for part in (f"step {self.step}" if self.step else "pipeline", self.path) if part)
        found = f" (found {self.value})" if self.value else ""
        allowed = f"; allowed: {self.allowed}" if self.allowed else ""
        advice = f"; {self.advice}" if self.advice else ""
        return f"{where} {self.problem}{found}{allowed}{advice}"


class DefinitionError(ValueError):
    """A pipeline definition breaks rules of SageMaker; carries every violation."""

    def __init__(self, pipeline: str, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        count = "1 mistake" if len(violations) == 1 else f"{len(violations)} mistakes"
        lines = [f"the definition of pipeline {pipeline} has {count}:", *(f"  {one}" for one in violations)]
        super().__init__("\n".join(lines))


@dataclass
class Report:
    """Collects violations, each once, in the order in which they were found."""

    _found: dict[Violation, None] = field(default_factory=dict)

    def add(self, place: Place, problem: str, *, value: Any = NOTHING, allowed: str = "", advice: str = "") -> None:
        shown = "" if value is NOTHING else show(value)
        self._found[Violation(place.step, place.path, problem, shown, allowed, advice)] = None

    @property
    def violations(self) -> list[Violation]:
        return list(self._found)


def show(value: Any) -> str:
    """A value as JSON on one line, shortened."""
    text = json.dumps(value, default=repr)
    return text if len(text) <= 120 else f"{text[:117]}..."


def choices(value: object, allowed: Collection[str]) -> str:
    """The allowed values; of a long list only the nearest, so that the sentence stays readable."""
    names = sorted(allowed)
    near = get_close_matches(str(value)[:100], names, n=3, cutoff=0.5)
    if len(names) <= 12:
        hint = f" (did you mean {near[0]}?)" if near else ""
        return (", ".join(names) or "none") + hint
    return f"one of {len(names)}, such as {', '.join(near or names[:3])}"
