"""What a request's Content-Type and Accept ask for; called by inference.py and payload.py.

Standard library only.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import NamedTuple

JSON, CSV, JSON_LINES = "application/json", "text/csv", "application/jsonlines"
KINDS = (CSV, JSON, JSON_LINES)
CHARSETS = ("utf-8", "utf8", "us-ascii", "ascii")
LONGEST_SHOWN = 100


class PayloadError(Exception):
    """What a client got wrong, with the HTTP status and, where there is one, the column and the row (from 1)."""

    def __init__(self, message: str, *, column: str | None = None, row: int | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message, self.column, self.row, self.status = message, column, row, status


class Given(NamedTuple):
    """The type of the body; `header` tells whether a CSV has one, None if that is for its first line to tell."""

    kind: str
    header: bool | None = None


class Wanted(NamedTuple):
    """The type of the answer, and whether each row's contributions go with it."""

    kind: str
    explain: bool = False


@dataclass(frozen=True)
class _Range:
    """One entry of an Accept, or a Content-Type: `text/csv;q=0.5`."""

    name: str
    parameters: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> _Range:
        name, *parts = (part.strip().lower() for part in text.split(";"))
        pairs = (part.partition("=") for part in parts if part)
        return cls(name, {key.strip(): value.strip().strip('"') for key, _, value in pairs})

    def fits(self, kind: str) -> int:
        """How exactly the range names the type: 0 not at all, 1 by `*/*`, 2 by `text/*`, 3 by its name."""
        family = kind.partition("/")[0]
        return {kind: 3, f"{family}/*": 2, "*/*": 1, "": 1}.get(self.name, 0)

    def quality(self) -> float:
        text = self.parameters.get("q", "1")
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            raise PayloadError(f"accept has q={text[:LONGEST_SHOWN]!r}; allowed: numbers from 0 to 1", status=406)
        return value


@functools.lru_cache(maxsize=64)
def given(content_type: str | None) -> Given:
    """What the body is; JSON if nobody says. Parameters that mean nothing here are let through."""
    found = _Range.of(content_type or JSON)
    if found.name not in KINDS:
        shown = (content_type or "")[:LONGEST_SHOWN]
        raise PayloadError(f"content type {shown!r} given; allowed: {', '.join(KINDS)}", status=415)
    charset = found.parameters.get("charset", "utf-8")
    if charset not in CHARSETS:
        raise PayloadError(f"charset {charset[:LONGEST_SHOWN]!r} given; allowed: utf-8", status=415)
    header = found.parameters.get("header") if found.name == CSV else None
    if header not in (None, "present", "absent"):
        raise PayloadError(f"header={header[:LONGEST_SHOWN]} given; allowed: present, absent", status=415)
    return Given(found.name, None if header is None else header == "present")


@functools.lru_cache(maxsize=64)
def choose_accept(accept: str | None, content_type: str | None = None) -> Wanted:
    """The type that is wanted most, of equally wanted ones the first; by default JSON, or lines for lines."""
    lines = (content_type or "").partition(";")[0].strip().lower() == JSON_LINES
    preferred = (JSON_LINES, JSON, CSV) if lines else (JSON, JSON_LINES, CSV)
    ranges = [_Range.of(part) for part in (accept or "*/*").split(",")]
    best: tuple[float, int, int] | None = None
    chosen = Wanted(JSON)
    for place, kind in enumerate(preferred):
        exactness, number = max((each.fits(kind), -number) for number, each in enumerate(ranges))
        named = ranges[-number]
        if not exactness or not named.quality():
            continue
        rank = (named.quality(), number, -place)
        if best is None or rank > best:
            best, chosen = rank, Wanted(kind, _flag(named))
    if best is None:
        raise PayloadError(f"accept {(accept or '')[:LONGEST_SHOWN]!r} given; allowed: {', '.join(KINDS)}", status=406)
    return chosen


def _flag(named: _Range) -> bool:
    text = named.parameters.get("explain", "false")
    if text not in ("true", "false"):
        raise PayloadError(f"explain={text[:LONGEST_SHOWN]} given; allowed: true, false", status=406)
    return text == "true"
