"""Reads typed values out of a TOML table and notes every mistake instead of stopping at the first.

A value that is missing or wrong is noted and replaced by a harmless one of the right type, so reading goes
on; `settings.loader` raises afterwards if anything was noted. `good` tells whether comparing makes sense.
"""

from __future__ import annotations

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

    def text(self, key: str, *, allowed: Collection[str] = (), check: Check | None = None) -> str:
        value = self._get(key, str, "")
        if key in self._bad:
            return ""
        if allowed and value not in allowed:
            self.problem(key, f"is {shown(value)}; allowed: {choices(value, allowed)}")
        elif check and (wrong := check(value)):
            self.problem(key, f"is {shown(value)}; {wrong}")
        return value

    def integer(self, key: str, *, low: int, high: int) -> int:
        return self._between(key, self._get(key, int, low), low, high)

    def one_of(self, key: str, allowed: Collection[int]) -> int:
        value = self._get(key, int, min(allowed))
        if key not in self._bad and value not in allowed:
            self.problem(key, f"is {value}; allowed: {', '.join(map(str, sorted(allowed)))}")
        return value

    def number(self, key: str, *, low: float, high: float, above: bool = False, below: bool = False) -> float:
        """A number from `low` to `high`; `above` and `below` leave out the ends."""
        return self._between(key, self._get(key, float, low), low, high, above=above, below=below)

    def texts(self, key: str, *, check: Check | None = None, empty: bool = False) -> tuple[str, ...]:
        """A list of different texts; an empty list is a mistake unless `empty` allows it."""
        values = self._get(key, list, [])
        if key in self._bad:
            return ()
        if any(not isinstance(value, str) for value in values):
            self.problem(key, f"is {shown(values)}; write a list of texts in quotes")
            return ()
        if not values and not empty:
            self.problem(key, "is an empty list; name at least one")
        for value in sorted({value for value in values if values.count(value) > 1}):
            self.problem(key, f"names {shown(value)} {values.count(value)} times; name it once")
        for value in values:
            if check and (wrong := check(value)):
                self.problem(key, f"holds {shown(value)}; {wrong}")
        return tuple(values)

    def table(self, key: str) -> Reader:
        values = self._get(key, dict, {})
        path = self._full(key)
        reader = Reader(values, file=self._file, problems=self._problems, path=path)
        if key in self._bad:  # already noted once: every key of it is missing too, which helps nobody
            reader._problems = []
            reader._bad.add("")
        return reader

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

    def _get(self, key: str, kind: type[T], instead: T) -> T:
        self._read.add(key)
        what = {**_NAMES, list: "a list", dict: "a table"}[kind]
        if key not in self._values:
            self.problem(key, f"is missing; add it ({what})")
            return instead
        value = self._values[key]
        if kind is float and type(value) is int:
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
        return f"{self._path}.{key}" if self._path else key
