"""Texts of a policy against texts of a request: exact, with wildcards, and ARNs field by field.

Called by documents.py (actions, resources) and conditions.py (string and ARN operators). A pattern without
variables is compiled once; one with variables is compiled once per set of values they take.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from millrace.local.iam import variables
from millrace.local.iam.variables import Context, Literal, Text

Matcher = Callable[[str], bool]

_RESOURCE_FIELD = 5  # arn:partition:service:region:account:resource


@dataclass(frozen=True)
class Style:
    """How the characters of a pattern are read."""

    wildcards: bool = True
    ignore_case: bool = False
    arn: bool = False  # the first five fields keep their wildcards to themselves
    last_star_crosses: bool = False  # ... except a `*` that ends its field (the Resource element's rule)


EXACT = Style(wildcards=False)
EXACT_ANY_CASE = Style(wildcards=False, ignore_case=True)
LIKE = Style()
ACTION = Style(ignore_case=True)
RESOURCE = Style(arn=True, last_star_crosses=True)
ARN = Style(arn=True)


class Pattern:
    """One text of a policy, ready to be compared."""

    __slots__ = ("_matcher", "_parts", "_style", "text")

    def __init__(self, text: str, style: Style, *, variables_allowed: bool = False) -> None:
        self.text = text
        self._style = style
        self._parts = variables.tokens(text, variables=variables_allowed)
        fixed = variables.resolve(self._parts, {})
        has_variable = any(isinstance(part, variables.Variable) for part in self._parts)
        self._matcher = None if has_variable or fixed is None else _matcher(fixed, style)

    def matches(self, value: str, context: Context) -> bool | None:
        """Whether `value` matches; None when a variable has no value in this request."""
        if self._matcher is not None:
            return self._matcher(value)
        resolved = variables.resolve(self._parts, context)
        return None if resolved is None else _matcher(resolved, self._style)(value)


@dataclass(frozen=True)
class _Star:
    crosses: bool  # may match a colon


@dataclass(frozen=True)
class _Any:
    crosses: bool


_Atom = str | _Star | _Any


@lru_cache(maxsize=8192)
def _matcher(parts: tuple[Text | Literal, ...], style: Style) -> Matcher:
    atoms = tuple(_joined(_atoms(parts, style)))
    if style.ignore_case or any(not isinstance(atom, str) for atom in atoms[:-1]):
        return _regex_matcher(atoms, style)
    if not atoms:
        return lambda value: not value
    *before, last = atoms
    prefix = "".join(atom for atom in before if isinstance(atom, str))
    if isinstance(last, str):
        whole = prefix + last
        return lambda value: value == whole
    if isinstance(last, _Star) and last.crosses:
        return lambda value: value.startswith(prefix)
    return _regex_matcher(atoms, style)


def _atoms(parts: tuple[Text | Literal, ...], style: Style) -> Iterator[_Atom]:
    field = 0
    for number, part in enumerate(parts):
        if isinstance(part, Literal):
            yield part.value
            continue
        for index, character in enumerate(part.value):
            field += character == ":"
            if not style.wildcards or character not in "*?":
                yield character
                continue
            free = not style.arn or field >= _RESOURCE_FIELD
            if character == "?":
                yield _Any(crosses=free)
            else:
                rest = part.value[index + 1 :]
                ends_field = rest.startswith(":") or (not rest and number == len(parts) - 1)
                yield _Star(crosses=free or (style.last_star_crosses and ends_field))


def _joined(atoms: Iterator[_Atom]) -> Iterator[_Atom]:
    text = ""
    for atom in atoms:
        if isinstance(atom, str):
            text += atom
            continue
        if text:
            yield text
        text = ""
        yield atom
    if text:
        yield text


def _regex_matcher(atoms: tuple[_Atom, ...], style: Style) -> Matcher:
    regex = re.compile(_regex(atoms), re.DOTALL | (re.IGNORECASE if style.ignore_case else 0))
    return lambda value: regex.fullmatch(value) is not None


def _regex(atoms: tuple[_Atom, ...]) -> str:
    """Free stars are atomic groups up to the text that follows them, so that matching stays linear."""
    stars = [index for index, atom in enumerate(atoms) if isinstance(atom, _Star)]
    if not stars:
        return _run(atoms)
    source = _run(atoms[: stars[0]])
    for star, following in zip(stars, [*stars[1:], len(atoms)], strict=True):
        run = _run(atoms[star + 1 : following])
        reach = "." if _crosses(atoms[star]) else "[^:]"
        if following == len(atoms):
            source += f"{reach}*{run}"
        elif all(_crosses(atoms[later]) for later in stars if later >= star):
            source += f"(?>.*?{run})"
        else:
            source += f"{reach}*?{run}"
    return source


def _run(atoms: tuple[_Atom, ...]) -> str:
    return "".join(re.escape(atom) if isinstance(atom, str) else ("." if _crosses(atom) else "[^:]") for atom in atoms)


def _crosses(atom: _Atom) -> bool:
    return not isinstance(atom, str) and atom.crosses
