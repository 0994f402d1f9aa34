"""Rules of composite alarms: `ALARM("a") AND NOT (OK("b") OR INSUFFICIENT_DATA(c))`, parsed and decided."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from millrace.local.cloudwatch.evaluation import ALARM, INSUFFICIENT, OK

TOKEN = re.compile(r"\s*(?:(?P<text>\"[^\"]*\"|'[^']*')|(?P<sign>[()])|(?P<word>[^\s()\"']+))")
FUNCTIONS: Mapping[str, str] = {"ALARM": ALARM, "OK": OK, "INSUFFICIENT_DATA": INSUFFICIENT}
StateOf = Callable[[str], str]


class RuleError(Exception):
    """A rule that cannot be read."""


@dataclass(frozen=True)
class InState:
    """Whether an alarm is in a state."""

    alarm: str
    state: str

    def holds(self, state_of: StateOf) -> bool:
        return state_of(self.alarm) == self.state

    def alarms(self) -> set[str]:
        return {self.alarm}


@dataclass(frozen=True)
class Constant:
    value: bool

    def holds(self, state_of: StateOf) -> bool:
        return self.value

    def alarms(self) -> set[str]:
        return set()


@dataclass(frozen=True)
class Not:
    of: Condition

    def holds(self, state_of: StateOf) -> bool:
        return not self.of.holds(state_of)

    def alarms(self) -> set[str]:
        return self.of.alarms()


@dataclass(frozen=True)
class Together:
    """All of two conditions, or any."""

    all: bool
    left: Condition
    right: Condition

    def holds(self, state_of: StateOf) -> bool:
        left, right = self.left.holds(state_of), self.right.holds(state_of)
        return left and right if self.all else left or right

    def alarms(self) -> set[str]:
        return self.left.alarms() | self.right.alarms()


Condition = InState | Constant | Not | Together


def parse(text: str) -> Condition:
    """The rule's condition; NOT binds more than AND, AND more than OR."""
    parser = _Parser(text)
    condition = parser.either()
    parser.end()
    return condition


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[str] = []
        place = 0
        while text[place:].strip():
            token = TOKEN.match(text, place)
            if token is None:
                raise RuleError(f"{text!r} cannot be read from {text[place:].strip()!r} on")
            self._tokens.append(token[str(token.lastgroup)])
            place = token.end()

    def _peek(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _take(self, wanted: str = "") -> str:
        found = self._peek()
        if not found or (wanted and found != wanted):
            raise RuleError(f"expected {wanted or 'more'}, found {found or 'the end'} in {self._text!r}")
        return self._tokens.pop(0)

    def either(self) -> Condition:
        left = self._both()
        while self._peek() == "OR":
            self._take()
            left = Together(False, left, self._both())
        return left

    def _both(self) -> Condition:
        left = self._one()
        while self._peek() == "AND":
            self._take()
            left = Together(True, left, self._one())
        return left

    def _one(self) -> Condition:
        word = self._take()
        if word == "NOT":
            return Not(self._one())
        if word == "(":
            inner = self.either()
            self._take(")")
            return inner
        if word in ("TRUE", "FALSE"):
            return Constant(word == "TRUE")
        if word not in FUNCTIONS:
            raise RuleError(f"{word!r} in {self._text!r} is none of NOT, TRUE, FALSE, {', '.join(FUNCTIONS)}")
        self._take("(")
        named = self._take().strip("\"'")
        self._take(")")
        return InState(named.partition(":alarm:")[2] or named, FUNCTIONS[word])

    def end(self) -> None:
        if self._tokens:
            raise RuleError(f"unexpected {self._peek()!r} in {self._text!r}")
