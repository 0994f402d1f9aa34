"""The decisions to accept findings, from accepted.toml: each ends, and each must still cover something."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from checks.finding import Finding

FILE = Path(__file__).with_name("accepted.toml")
MOST_DECISIONS = 12
FIELDS = {"name": str, "controls": list, "resources": list, "reason": str, "owner": str, "expires": date}


class AcceptedError(Exception):
    """accepted.toml is not as it must be."""


@dataclass(frozen=True)
class Decision:
    """What is accepted: findings of these controls on resources that match a pattern (`*` is anything)."""

    name: str
    controls: tuple[str, ...]
    resources: tuple[str, ...]
    reason: str
    owner: str
    expires: date

    def covers(self, finding: Finding) -> bool:
        return finding.control in self.controls and any(matches(finding.resource, p) for p in self.resources)


@dataclass(frozen=True)
class Judgement:
    """What is left to do, and how many findings are covered."""

    open: tuple[Finding, ...]
    covered: int
    complaints: tuple[str, ...]


def read_decisions(text: str) -> tuple[Decision, ...]:
    """Read accepted.toml; all its mistakes are told at once."""
    entries = tomllib.loads(text).get("decision", [])
    mistakes = [mistake for number, entry in enumerate(entries, 1) for mistake in _mistakes(number, entry)]
    if len(entries) > MOST_DECISIONS:
        mistakes.append(f"{len(entries)} decisions, at most {MOST_DECISIONS}: repair something instead")
    if mistakes:
        raise AcceptedError("checks/accepted.toml: " + "; ".join(mistakes))
    return tuple(
        Decision(**{**entry, "controls": tuple(entry["controls"]), "resources": tuple(entry["resources"])})
        for entry in entries
    )


def judge(findings: Iterable[Finding], decisions: Sequence[Decision], *, today: date) -> Judgement:
    """Take away what is accepted; complain about decisions that have ended or cover nothing."""
    found = sorted(set(findings))
    current = [decision for decision in decisions if decision.expires >= today]
    left = tuple(finding for finding in found if not any(decision.covers(finding) for decision in current))
    complaints = [*_ended(decisions, today), *(text for one in decisions for text in _idle(one, found))]
    return Judgement(open=left, covered=len(found) - len(left), complaints=tuple(complaints))


def matches(text: str, pattern: str) -> bool:
    """Whether a text matches a pattern in which only * is special: resources hold brackets and question marks."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def _ended(decisions: Sequence[Decision], today: date) -> Iterator[str]:
    for decision in decisions:
        if decision.expires < today:
            yield (
                f"the decision {decision.name!r} of {decision.owner} ended on {decision.expires}\n"
                "  why:    what was right to accept then may not be now\n"
                "  change: repair what it covers, or decide anew in checks/accepted.toml"
            )


def _idle(decision: Decision, found: Sequence[Finding]) -> Iterator[str]:
    covered = [finding for finding in found if decision.covers(finding)]
    idle = [control for control in decision.controls if not any(f.control == control for f in covered)]
    idle += [pattern for pattern in decision.resources if not any(matches(f.resource, pattern) for f in covered)]
    for one in idle:
        yield (
            f"the decision {decision.name!r} covers nothing with {one!r}\n"
            "  why:    a decision that nobody needs would hide the next finding of its kind\n"
            "  change: remove it from checks/accepted.toml"
        )


def _mistakes(number: int, entry: dict[str, Any]) -> Iterator[str]:
    name = entry.get("name", f"decision {number}")
    for field, kind in FIELDS.items():
        value = entry.get(field)
        if not value or not isinstance(value, kind):
            yield f"{name}: {field} must be given ({kind.__name__})"
    for field in set(entry) - set(FIELDS):
        yield f"{name}: {field} is unknown; allowed: {', '.join(FIELDS)}"
    if "*" in entry.get("resources", []):
        yield f'{name}: the pattern "*" would cover everything; name what it is about'
