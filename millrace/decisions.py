"""The audit log of the embedded AWS as a file: one JSON object per decision, the newest last.

Written by `millrace.local.iam.audit`; read by it for the internal route, and by `millrace audit` when nothing runs.
"""

from __future__ import annotations

import fnmatch
import json
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = "audit.jsonl"
OLDER = "audit.old.jsonl"
MOST = 10_000

Decision = dict[str, Any]


@dataclass(frozen=True)
class Filter:
    """Which decisions are wanted: of a role (name or ARN), of actions (with wildcards), only the denied ones."""

    role: str = ""
    action: str = ""
    denied: bool = False

    def passes(self, decision: Decision) -> bool:
        if self.role and self.role not in (decision["role"], decision["role"].rsplit("/", 1)[-1]):
            return False
        if self.denied and decision["allowed"]:
            return False
        return not self.action or fnmatch.fnmatchcase(decision["action"].lower(), self.action.lower())


@dataclass(frozen=True, order=True)
class Use:
    """An action that a statement allowed a role."""

    role: str
    policy: str
    statement: str
    action: str


def read(folder: Path, wanted: Filter, *, limit: int = MOST) -> list[Decision]:
    """The newest decisions that pass, oldest first."""
    return list(deque((each for each in everything(folder) if wanted.passes(each)), limit))


def uses(folder: Path, role: str = "") -> Counter[Use]:
    """How often which statement allowed a role which action."""
    wanted = Filter(role=role)
    return Counter(
        Use(each["role"], each["policy"], each["statement"], each["action"])
        for each in everything(folder)
        if each["allowed"] and each["role"] and wanted.passes(each)
    )


def everything(folder: Path) -> Iterator[Decision]:
    for path in (folder / OLDER, folder / FILE):
        if path.exists():
            with path.open(encoding="utf-8") as file:
                yield from (json.loads(line) for line in file if line.endswith("\n"))
