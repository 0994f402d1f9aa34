"""Metric math: parses an expression into a tree once, computes it over time series of equal length.

A series is a list with one value per period, the oldest first, None where there is none. What CloudWatch has and
this has not is refused when the alarm is put.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)|(?P<text>\"[^\"]*\"|'[^']*')|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>\|\||&&|==|!=|<=|>=|[-+*/^%<>(),\[\]]))"
)
BINDING = {
    **dict.fromkeys(("||", "OR"), 1),
    **dict.fromkeys(("&&", "AND"), 2),
    **dict.fromkeys(("==", "!="), 3),
    **dict.fromkeys(("<", "<=", ">", ">="), 4),
    **dict.fromkeys(("+", "-"), 5),
    **dict.fromkeys(("*", "/", "%"), 6),
    "^": 8,
}
SIGN_BINDING = 7
RIGHT_FIRST = ("^",)
# How many arguments each function takes.
FUNCTIONS: Mapping[str, tuple[int, ...]] = {
    "ABS": (1,),
    "AVG": (1,),
    "CEIL": (1,),
    "DIFF": (1,),
    "FILL": (2,),
    "FLOOR": (1,),
    "IF": (2, 3),
    "MAX": (1,),
    "METRICS": (0, 1),
    "METRIC_COUNT": (1,),
    "MIN": (1,),
    "PERIOD": (1,),
    "RATE": (1,),
    "RUNNING_SUM": (1,),
    "STDDEV": (1,),
    "SUM": (1,),
    "TIME_SERIES": (1,),
}


class MathError(Exception):
    """An expression that is wrong, or that this metric math does not have."""


@dataclass(frozen=True)
class Number:
    value: float


@dataclass(frozen=True)
class Text:
    value: str


@dataclass(frozen=True)
class Name:
    """The id of a metric or of another expression, or a keyword of FILL."""

    value: str


@dataclass(frozen=True)
class Negative:
    of: Node


@dataclass(frozen=True)
class Binary:
    sign: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Call:
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Array:
    items: tuple[Node, ...]


Node = Number | Text | Name | Negative | Binary | Call | Array


def parse(text: str) -> Node:
    """The expression's tree; MathError says what is wrong with it."""
    parser = _Parser(text)
    node = parser.expression(0)
    if parser.token:
        raise MathError(f"unexpected {parser.token!r} in expression {text!r}")
    return node


def names(node: Node) -> set[str]:
    """The ids that an expression refers to."""
    match node:
        case Name(value):
            return {value}
        case Negative(of):
            return names(of)
        case Binary(_, left, right):
            return names(left) | names(right)
        case Call(function, arguments):
            own = arguments[:1] if function == "FILL" and _is_way_to_fill(arguments[1]) else arguments
            return set().union(*(names(each) for each in own))
        case Array(items):
            return set().union(*(names(each) for each in items))
    return set()


def _is_way_to_fill(node: Node) -> bool:
    return isinstance(node, Name) and node.value in ("REPEAT", "LINEAR")


class _Parser:
    """Precedence climbing over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._split(text))
        self._next = 0

    def _split(self, text: str) -> list[tuple[str, str]]:
        found, place = [], 0
        while text[place:].strip():
            token = TOKEN.match(text, place)
            if token is None:
                raise MathError(f"expression {text!r} cannot be read from {text[place:].strip()!r} on")
            found.append((str(token.lastgroup), token[str(token.lastgroup)]))
            place = token.end()
        return found

    @property
    def token(self) -> str:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else ""

    def _take(self, wanted: str = "") -> tuple[str, str]:
        if not self.token or (wanted and self.token != wanted):
            raise MathError(f"expected {wanted or 'a value'}, found {self.token or 'the end'} in {self._text!r}")
        self._next += 1
        return self._tokens[self._next - 1]

    def expression(self, binding: int) -> Node:
        left = self._operand()
        while (own := BINDING.get(self.token, -1)) > binding or (own == binding and self.token in RIGHT_FIRST):
            sign = self._take()[1]
            left = Binary(sign, left, self.expression(own - (sign in RIGHT_FIRST)))
        return left

    def _operand(self) -> Node:
        kind, token = self._take()
        if kind == "number":
            return Number(float(token))
        if kind == "text":
            return Text(token[1:-1])
        if token == "-":
            return Negative(self.expression(SIGN_BINDING - 1))
        if token == "(":
            inner = self.expression(0)
            self._take(")")
            return inner
        if token == "[":
            return Array(self._list("]"))
        if kind == "name" and token not in BINDING:
            return self._call(token) if self.token == "(" else Name(token)
        raise MathError(f"unexpected {token!r} in expression {self._text!r}")

    def _call(self, function: str) -> Node:
        self._take("(")
        arguments = self._list(")")
        counts = FUNCTIONS.get(function)
        if counts is None:
            known = ", ".join(FUNCTIONS)
            raise MathError(f"the embedded AWS has no function {function} of metric math; it has {known}")
        if len(arguments) not in counts:
            raise MathError(f"{function} takes {' or '.join(map(str, counts))} arguments, not {len(arguments)}")
        return Call(function, arguments)

    def _list(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while self.token != end:
            items.append(self.expression(0))
            if self.token != end:
                self._take(",")
        self._take(end)
        return tuple(items)
