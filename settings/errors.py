"""Mistakes in the settings files: one record each, one exception for all. Raised by `settings.load` only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One mistake: where it is, the value found there, and what to do about it."""

    file: str
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.message}" if self.key else f"{self.file}: {self.message}"


class SettingsError(Exception):
    """The settings cannot be used; the text lists every mistake of every file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        title = "1 mistake" if count == 1 else f"{count} mistakes"
        super().__init__("\n  ".join([f"{title} in the settings:", *map(str, self.problems)]))


def shown(value: Any) -> str:
    """A value as the user wrote it, short enough for one line."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."
