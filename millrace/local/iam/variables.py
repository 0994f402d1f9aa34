"""Policy variables: `${aws:username}`, `${key, 'default'}` and the escapes `${*}`, `${?}`, `${$}`.

Called by matching.py for every text of a policy document whose Version is 2012-10-17.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

Context = Mapping[str, tuple[str, ...]]  # condition keys in lower case

_VARIABLE = re.compile(r"\$\{\s*(?:(?P<escape>[*?$])|(?P<key>[^{},'$]+?)\s*(?:,\s*'(?P<default>[^']*)'\s*)?)\}")


@dataclass(frozen=True)
class Text:
    """Text of the policy itself: wildcards in it count."""

    value: str


@dataclass(frozen=True)
class Literal:
    """Text that stands for itself, wildcards included."""

    value: str


@dataclass(frozen=True)
class Variable:
    """A place where a value of the request goes."""

    key: str
    default: str | None = None


Token = Text | Literal | Variable


def tokens(text: str, *, variables: bool) -> tuple[Token, ...]:
    """`text` in parts; with `variables=False` (Version 2008-10-17) a `${...}` is plain text."""
    if not variables or "${" not in text:
        return (Text(text),)
    found: list[Token] = []
    position = 0
    for match in _VARIABLE.finditer(text):
        if match.start() > position:
            found.append(Text(text[position : match.start()]))
        escape = match["escape"]
        found.append(Literal(escape) if escape else Variable(match["key"].lower(), match["default"]))
        position = match.end()
    if position < len(text):
        found.append(Text(text[position:]))
    return tuple(found)


def resolve(parts: tuple[Token, ...], context: Context) -> tuple[Text | Literal, ...] | None:
    """The parts with every variable replaced, or None when the request has no single value for one."""
    resolved: list[Text | Literal] = []
    for part in parts:
        if not isinstance(part, Variable):
            resolved.append(part)
            continue
        values = context.get(part.key, ())
        if len(values) == 1:
            resolved.append(Literal(values[0]))
        elif part.default is not None and not values:
            resolved.append(Literal(part.default))
        else:
            return None
    return tuple(resolved)
