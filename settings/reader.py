"""Reads typed values out of a TOML table and notes every mistake instead of stopping at the first.

A value that is missing or wrong is noted and replaced by a harmless one of the right type, so reading goes
on; `settings.loader` raises afterwards if anything was noted. `good` tells whether comparing makes sense.
A key with a `default` may be left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from settings.errors import Problem, shown
from settings.names import choices

T = TypeVar("T")
Check = Callable[[str], str | None]
"""Takes a text and returns what is wrong with it, or None."""

_NAMES = {str: "a text in quotes", int: "a whole number", float: "a number", bool: "true or false"}


class Reader:
    """One table of one file."""

    def __init__(self, values: dict[str, Any], *, file: str, problems: list[Problem], path: str = "") -> None:
        self._values = values
        self._file = file
        self._path = path
        self._problems = problems
        self._read: set[str] = set()
        self._bad: set[str] = set()

    @property
    def file(self) -> str:
        return self._file

    @property
    def path(self) -> str:
        """The table's own key in the file."""
        return self._path

    def text(
        self, key: str, *, allowed: Collection[str] = (), check: Check | None = None, default: str | None = None
    ) -> str:
        value = self._get(key, str, "", default)
        if key in self._bad or not self.holds(key):
            return value
        if allowed and value not in allowed:
            self.problem(key, f"is {shown(value)}; allowed: {choices(value, allowed)}")
        elif check and (wrong := check(value)):
            self.problem(key, f"is {shown(value)}; {wrong}")
        return value

    def integer(self, key: str, *, low: int, high: int, default: int | None = None) -> int:
        return self._between(key, self._get(key, int, low, default), low, high)

    def one_of(self, key: str, allowed: Collection[int], *, default: int | None = None) -> int:
        value = self._get(key, int, min(allowed), default)
        if key not in self._bad and value not in allowed:
            self.problem(key, f"is {value}; allowed: {', '.join(map(str, sorted(allowed)))}")
        return value

    def number(
        self,
        key: str,
        *,
        low: float,
        high: float,
        above: bool = False,
        below: bool = False,
        default: float | None = None,
    ) -> float:
        """A number from `low` to `high`; `above` and `below` leave out the ends."""
        return self._between(key, self._get(key, float, low, default), low, high, above=above, below=below)

    def flag(self, key: str, *, default: bool | None = None) -> bool:
        return self._get(key, bool, False, default)

    def texts(
        self,
        key: str,
        *,
        check: Check | None = None,
        empty: bool = False,
        most: int | None = None,
        default: tuple[str, ...] | None = None,
    ) -> tuple[str, ...]:
        """A list of different texts, `most` at most; an empty list is a mistake unless `empty` allows it."""
        values = self._get(key, list, [], None if default is None else [*default])
        if key in self._bad or not self.holds(key):
            return tuple(values)
        if any(not isinstance(value, str) for value in values):
            self.problem(key, f"is {shown(values)}; write a list of texts in quotes")
            return ()
        if not values and not empty:
            self.problem(key, "is an empty list; name at least one")
        if most is not None and len(values) > most:
            self.problem(key, f"names {len(values)}; allowed: at most {most}")
        for value in sorted({value for value in values if values.count(value) > 1}):
            self.problem(key, f"names {shown(value)} {values.count(value)} times; name it once")
        for value in values:
            if check and (wrong := check(value)):
                self.problem(key, f"holds {shown(value)}; {wrong}")
        return tuple(values)

    def numbers(self, key: str) -> tuple[int | float, ...]:
        """A list of numbers, as they are written: 3 is a whole number, 3.0 is not."""
        values = self._get(key, list, [])
        if any(type(value) not in (int, float) or not _is_finite(value) for value in values):
            self.problem(key, f"is {shown(values)}; write a list of numbers")
            return ()
        return tuple(values)

    def interval(self, key: str) -> tuple[int | float, int | float]:
        """`[low, high]`, the low end below the high one."""
        values = self.numbers(key)
        if key not in self._bad and (len(values) != 2 or values[0] >= values[1]):
            self.problem(key, f"is {shown(values)}; write [low, high], two numbers, the lower one first")
        return (values[0], values[1]) if key not in self._bad else (0, 1)

    def table(self, key: str, *, optional: bool = False) -> Reader:
        values = self._get(key, dict, {}, {} if optional else None)
        path = self._full(key)
        reader = Reader(values, file=self._file, problems=self._problems, path=path)
        if key in self._bad:  # already noted once: every key of it is missing too, which helps nobody
            reader._problems = []
            reader._bad.add("")
        return reader

    def own_keys(self) -> tuple[str, ...]:
        """The keys of a table whose keys are the user's own."""
        return tuple(self._values)

    def holds(self, key: str) -> bool:
        return key in self._values

    def is_table(self, key: str) -> bool:
        return isinstance(self._values.get(key), dict)

    def refuse(self, key: str, why: str) -> None:
        """Note a key that other settings rule out, if it is there."""
        self._read.add(key)
        if self.holds(key):
            self.problem(key, why)

    def good(self, *keys: str) -> bool:
        """Whether these keys, and the table itself, were read without a mistake."""
        return not self._bad & {"", *keys}

    def problem(self, key: str, message: str) -> None:
        self._bad.add(key)
        self._problems.append(Problem(self._file, self._full(key), message))

    def close(self) -> None:
        """Note every key that nobody asked for."""
        for key in self._values.keys() - self._read:
            self.problem(key, f"is not a setting; known here: {choices(key, self._read)}")

    def _get(self, key: str, kind: type[T], instead: T, default: T | None = None) -> T:
        self._read.add(key)
        what = {**_NAMES, list: "a list", dict: "a table"}[kind]
        if key not in self._values:
            if default is not None:
                return default
            self.problem(key, f"is missing; add it ({what})")
            return instead
        value = self._values[key]
        if kind is float and type(value) is int and _is_finite(value):
            return kind(value)  # type: ignore[call-arg]
        if type(value) is not kind:  # not isinstance: true is an int to Python, and a mistake here
            self.problem(key, f"is {shown(value)}; write {what}")
            return instead
        return value

    def _between(self, key: str, value: T, low: T, high: T, *, above: bool = False, below: bool = False) -> T:
        if key in self._bad:
            return low
        inside = (value > low if above else value >= low) and (value < high if below else value <= high)  # type: ignore[operator]
        if not inside:
            ends = f"{'more than' if above else 'from'} {low} {'to less than' if below else 'to'} {high}"
            self.problem(key, f"is {value}; allowed: {ends}")
        return value

    def _full(self, key: str) -> str:
        return ".".join(part for part in (self._path, key) if part)


def _is_finite(value: float) -> bool:
    """TOML has inf and nan, and whole numbers that no float can hold."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
