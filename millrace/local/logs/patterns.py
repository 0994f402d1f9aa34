"""Filter patterns of CloudWatch Logs: terms, and conditions on JSON lines. moto takes most of them for "everything".

Patterns by position (`[a, b]`) and regular expressions (`%...%`) are refused. `mend` in this package gives it to moto.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

Test = Callable[[Any], bool]

TERM = re.compile(r'\s*(?P<sign>[?-]?)(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>\w+))(?=\s|$)')
TOKEN = re.compile(
    r"""\s*(?:
        (?P<selector>\$(?:\.[\w-]+|\[\d+\]|\['[^']*'\])+)
        | (?P<sign>&&|\|\||[()])
        | (?P<compare>!=|<=|>=|=|<|>)
        | (?P<keyword>IS\s+(?:NULL|TRUE|FALSE)|NOT\s+EXISTS)\b
        | "(?P<quoted>(?:[^"\\]|\\.)*)"
        | (?P<bare>[\w.*+-]+)
    )""",
    re.VERBOSE,
)
STEP = re.compile(r"\.([\w-]+)|\[(\d+)\]|\['([^']*)'\]")
ESCAPED = re.compile(r"\\(.)")
ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ABSENT = object()
CONSTANTS = {"NULL": None, "TRUE": True, "FALSE": False}


class LogPatternError(ValueError):
    """The pattern is none, or of a kind that is not there; the message says which part."""


class LogPattern:
    """Stands in for moto's own: made from a pattern, asked about each message."""

    def __init__(self, pattern: str | None) -> None:
        self._test = parse(pattern or "")

    def matches(self, message: str) -> bool:
        return self._test(message)


@lru_cache(maxsize=64)
def parse(pattern: str) -> Test:
    """A test of messages; LogPatternError for what is no pattern."""
    text = pattern.strip()
    for start, kind in (("[", "patterns by position"), ("%", "regular expressions")):
        if text.startswith(start):
            raise LogPatternError(
                f"{kind} ({text[:100]}) are not available in the embedded AWS: use terms or {{ $.a }}"
            )
    return _json(text) if text.startswith("{") else _terms(text)


def _terms(text: str) -> Test:
    """All plain terms must stand in a message and no `-term`; `?terms` count where they stand alone: one is enough."""
    found: dict[str, list[str]] = {"": [], "-": [], "?": []}
    at = 0
    while at < len(text):
        term = TERM.match(text, at)
        if term is None:
            raise LogPatternError(f"{text[at:].strip()[:100]!r} is no term: quote all but letters and digits")
        quoted = term["quoted"]
        found[term["sign"]].append(term["bare"] if quoted is None else ESCAPED.sub(r"\1", quoted))
        at = term.end()
    needed, refused, any_of = found[""], found["-"], found["?"]
    if needed or refused:
        return lambda line: all(each in line for each in needed) and not any(each in line for each in refused)
    return lambda line: not any_of or any(each in line for each in any_of)


def _json(text: str) -> Test:
    condition = _Conditions(text).parsed()

    def test(line: str) -> bool:
        try:
            value = json.loads(line)
        except ValueError:
            return False
        return isinstance(value, dict) and condition(value)

    return test


class _Conditions:
    """The grammar within the braces: comparisons, `&&` before `||`, parentheses."""

    def __init__(self, text: str) -> None:
        if not text.endswith("}"):
            raise LogPatternError(f"{text[:100]!r} lacks its closing brace")
        self._tokens: list[re.Match[str]] = []
        body, at = text[1:-1].rstrip(), 0
        while at < len(body):
            token = TOKEN.match(body, at)
            if token is None:
                raise LogPatternError(f"{body[at:].strip()[:100]!r} cannot be read")
            self._tokens.append(token)
            at = token.end()

    def parsed(self) -> Test:
        test = self._any()
        if self._tokens:
            raise LogPatternError(f"{self._tokens[0].group().strip()!r} stands where the pattern should end")
        return test

    def _any(self) -> Test:
        tests = [self._all()]
        while self._takes("||"):
            tests.append(self._all())
        return lambda value: any(test(value) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._takes("&&"):
            tests.append(self._one())
        return lambda value: all(test(value) for test in tests)

    def _one(self) -> Test:
        if self._takes("("):
            test = self._any()
            if not self._takes(")"):
                raise LogPatternError("a parenthesis is not closed")
            return test
        select = _selector(self._next("selector"))
        if self._tokens and self._tokens[0]["keyword"]:
            return _is(select, self._next("keyword"))
        compare = self._next("compare")
        if not self._tokens:
            raise LogPatternError(f"{compare} lacks its value")
        value = self._tokens.pop(0)
        if value["quoted"] is not None:
            return _same(select, ESCAPED.sub(r"\1", value["quoted"]), compare)
        if value["bare"] is None:
            raise LogPatternError(f"{value.group().strip()!r} is no value")
        return _compared(select, value["bare"], compare)

    def _takes(self, sign: str) -> bool:
        taken = bool(self._tokens) and self._tokens[0]["sign"] == sign
        if taken:
            del self._tokens[0]
        return taken

    def _next(self, kind: str) -> str:
        if not self._tokens or self._tokens[0][kind] is None:
            given = repr(self._tokens[0].group().strip()) if self._tokens else "the end"
            raise LogPatternError(f"{given} stands where a {kind} should")
        return str(self._tokens.pop(0)[kind])


def _selector(path: str) -> Callable[[Any], Any]:
    steps = [int(index) if index else name or quoted for name, index, quoted in STEP.findall(path)]

    def select(value: Any) -> Any:
        for step in steps:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return ABSENT
        return value

    return select


def _is(select: Callable[[Any], Any], keyword: str) -> Test:
    word = keyword.split()[1]
    if word == "EXISTS":
        return lambda value: select(value) is ABSENT
    return lambda value: select(value) is CONSTANTS[word]


def _compared(select: Callable[[Any], Any], text: str, compare: str) -> Test:
    try:
        number = float(text)
    except ValueError:
        return _same(select, text, compare)

    def test(value: Any) -> bool:
        found = select(value)
        known = found if isinstance(found, (int, float)) and not isinstance(found, bool) else math.nan
        if compare in ORDERS:
            return ORDERS[compare](known, number)
        return found is not ABSENT and (known == number) == (compare == "=")

    return test


def _same(select: Callable[[Any], Any], text: str, compare: str) -> Test:
    """Texts are equal or not; a `*` stands for any text."""
    if compare in ORDERS:
        raise LogPatternError(f"{compare} compares numbers, and {text[:100]!r} is none")
    wanted = text.replace("[", "[[]").replace("?", "[?]")

    def test(value: Any) -> bool:
        found = select(value)
        if found is ABSENT or isinstance(found, (dict, list)):
            return False
        same = fnmatchcase(found if isinstance(found, str) else json.dumps(found), wanted)
        return same == (compare == "=")

    return test
