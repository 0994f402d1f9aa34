"""What can be asked for: a seed and a list of faults, read from JSON with every mistake named at once. Pure.

`Faults.put` takes a Plan; the internal route `faults` and, through it, `millrace chaos` and the tests make one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

BEFORE, AFTER = "before", "after"
EVERY = "*"
MATCHING = frozenset({"kind", "what", "by", "rate", "nth", "times"})
# Which further fields a kind of fault has, and what `seconds` is when nobody says it.
FIELDS: Mapping[str, frozenset[str]] = {
    "duplicate": frozenset({"seconds"}),
    "reorder": frozenset({"seconds"}),
    "delay": frozenset({"seconds"}),
    "drop": frozenset(),
    "redeliver": frozenset({"when", "seconds"}),
    "throttle": frozenset({"code"}),
    "lose-answer": frozenset({"code"}),
    "crash": frozenset({"when"}),
}
SECONDS = {"reorder": 5.0, "delay": 5.0}
OF_CALLS = ("throttle", "lose-answer", "crash")
LONGEST_SECONDS = 43200


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong: for a share `rate` of what matches, or for the `nth` of it only.

    `what` and `by` are patterns. Of events: detail-type, and name of the rule or schedule. Of messages: queue and
    function. Of calls: `service:Operation`, and who makes it (of a crash the function, else role, user or service).
    """

    kind: str
    what: str = EVERY
    by: str = EVERY
    rate: float = 0.0
    nth: int | None = None
    times: int | None = None
    seconds: float = 0.0
    when: str = BEFORE
    code: str = ""

    def concerns(self, what: str, by: str, when: str) -> bool:
        return self.when == when and fnmatchcase(what, self.what) and fnmatchcase(by, self.by)

    def described(self) -> dict[str, Any]:
        """As it was asked for, with what its kind adds."""
        shown = {"kind", "what", "by", "nth" if self.nth else "rate"} | FIELDS[self.kind]
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name in shown}
        return values if self.times is None else {**values, "times": self.times}


@dataclass(frozen=True)
class Plan:
    """The faults, and the seed that decides which of the matching things they strike."""

    seed: int
    faults: tuple[Fault, ...]


class BadPlan(ValueError):
    """What was asked for is no plan; the message names everything that is wrong with it."""


def read(given: Mapping[str, Any]) -> Plan:
    """A plan from the JSON of the internal route."""
    seed, asked = given.get("seed", 0), given.get("faults", [])
    wrong = [f"{name!r} is not known; there are seed, faults" for name in given if name not in ("seed", "faults")]
    if not _is_whole(seed):
        wrong.append(f"seed is {seed!r}; it must be a whole number")
    if not isinstance(asked, list):
        raise BadPlan(f"faults is {asked!r}; it must be a list")
    for number, each in enumerate(asked, 1):
        wrong += [f"fault {number}: {mistake}" for mistake in _mistakes(each)]
    if wrong:
        raise BadPlan("; ".join(wrong))
    return Plan(seed, tuple(_fault(each) for each in asked))


def _fault(given: Mapping[str, Any]) -> Fault:
    return Fault(**{"seconds": SECONDS.get(given["kind"], 0.0), **given})


def _mistakes(given: Any) -> Iterator[str]:
    if not isinstance(given, dict):
        yield f"{given!r} is no object with a kind"
        return
    kind = str(given.get("kind"))
    if kind not in FIELDS:
        yield f"kind is {given.get('kind')!r}; there are {', '.join(FIELDS)}"
        return
    for name in given:
        if name not in MATCHING | FIELDS[kind]:
            yield f"{kind} has no {name!r}; it has {', '.join(sorted(MATCHING | FIELDS[kind]))}"
    if ("rate" in given) == ("nth" in given):
        yield "give either rate (a share of what matches) or nth (only the n-th of it)"
    yield from _wrong_values(given)


def _wrong_values(given: Mapping[str, Any]) -> Iterator[str]:
    for name in ("what", "by", "code"):
        if not isinstance(given.get(name, ""), str):
            yield f"{name} is {given[name]!r}; it must be text"
    for name in ("nth", "times"):
        if name in given and not (_is_whole(given[name]) and given[name] >= 1):
            yield f"{name} is {given[name]!r}; it must be a whole number from 1 on"
    if "rate" in given and not (_is_number(given["rate"]) and 0 <= given["rate"] <= 1):
        yield f"rate is {given['rate']!r}; it must be a number from 0 to 1"
    if "seconds" in given and not (_is_number(given["seconds"]) and 0 <= given["seconds"] <= LONGEST_SECONDS):
        yield f"seconds is {given['seconds']!r}; it must be a number from 0 to {LONGEST_SECONDS}"
    if given.get("when", BEFORE) not in (BEFORE, AFTER):
        yield f"when is {given['when']!r}; it must be {BEFORE} or {AFTER}"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
