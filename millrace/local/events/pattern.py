"""EventBridge's event pattern language: parse a pattern once, then ask whether it matches an event.

Pure. The bus asks it for every rule; SQS event source mappings use it for their filters.
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Test = Callable[[Any], bool]
MISSING: Any = object()
COMPARISONS = {"=": operator.eq, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
NUMERIC_LIMIT = 5e9
FOLD = "equals-ignore-case"


class PatternError(ValueError):
    """A pattern EventBridge refuses (InvalidEventPatternException)."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Event pattern is not valid. Reason: {reason}")


@dataclass(frozen=True)
class Pattern:
    """A parsed pattern; `matches` decides on an event in its envelope."""

    test: Test

    @classmethod
    def parse(cls, text: str | dict[str, Any]) -> Pattern:
        try:
            spec = json.loads(text) if isinstance(text, str) else text
        except json.JSONDecodeError as error:
            raise PatternError(f"{error}") from error
        if not isinstance(spec, dict) or not spec:
            raise PatternError("it must be a JSON object with a field")
        return cls(_object(spec, ""))

    def matches(self, event: dict[str, Any]) -> bool:
        return self.test(event)


def _object(spec: dict[str, Any], path: str) -> Test:
    """All fields must match; in a list of objects one of them must match them all."""
    if not spec:
        raise PatternError(f"{path or 'it'} is an empty object")
    fields = [
        (key, _any_of(value, path) if key == "$or" else _field(value, f"{path}.{key}".lstrip(".")))
        for key, value in spec.items()
    ]

    def test(node: Any) -> bool:
        if isinstance(node, list):
            return any(test(item) for item in node)
        known = node if isinstance(node, dict) else {}
        return all(check(known if key == "$or" else known.get(key, MISSING)) for key, check in fields)

    return test


def _any_of(alternatives: Any, path: str) -> Test:
    if not isinstance(alternatives, list) or len(alternatives) < 2:
        raise PatternError("$or needs a list of at least two patterns")
    if not all(isinstance(each, dict) for each in alternatives):
        raise PatternError("every member of $or must be an object")
    tests = [_object(each, path) for each in alternatives]
    return lambda node: any(test(node) for test in tests)


def _field(spec: Any, path: str) -> Test:
    if isinstance(spec, dict):
        return _object(spec, path)
    if not isinstance(spec, list) or not spec:
        raise PatternError(f'"{path}" must be an object or a list that is not empty')
    tests = [_matcher(each, path) for each in spec]
    return lambda value: any(test(value) for test in tests)


def _matcher(spec: Any, path: str) -> Test:
    if isinstance(spec, list):
        raise PatternError(f'"{path}" holds a list inside a list')
    if not isinstance(spec, dict):
        return _leaf(lambda value: _same(value, spec))
    if len(spec) != 1:
        raise PatternError(f'"{path}" needs one match type per object')
    [(name, argument)] = spec.items()
    if name == "exists":
        return _exists(argument, path)
    if name == "anything-but":
        inner = _anything_but(argument, path)
        return _leaf(lambda value: not inner(value))
    return _leaf(_comparison(name, argument, path))


def _leaf(test: Test) -> Test:
    """Apply a test to a value that is no object; one match among the members of a list is enough."""

    def check(value: Any) -> bool:
        if isinstance(value, list):
            return any(check(item) for item in value)
        return value is not MISSING and not isinstance(value, dict) and test(value)

    return check


def _same(value: Any, wanted: Any) -> bool:
    """EventBridge compares texts: 1, 1.0 and true all differ."""
    return type(value) is type(wanted) and bool(value == wanted)


def _exists(argument: Any, path: str) -> Test:
    if not isinstance(argument, bool):
        raise PatternError(f'exists of "{path}" must be true or false')
    present = _leaf(lambda _value: True)
    return lambda value: present(value) is argument


def _comparison(name: str, argument: Any, path: str) -> Test:
    makers: dict[str, Callable[[Any, str], Test]] = {
        "prefix": _prefix,
        "suffix": _suffix,
        FOLD: _ignore_case,
        "wildcard": _wildcard,
        "numeric": _numeric,
        "cidr": _cidr,
    }
    if name not in makers:
        known = ", ".join([*makers, "exists", "anything-but"])
        raise PatternError(f'"{path}" has the unknown match type {name}; allowed: {known}')
    return makers[name](argument, path)


def _anything_but(argument: Any, path: str) -> Test:
    if isinstance(argument, dict):
        if len(argument) != 1 or next(iter(argument)) not in ("prefix", "suffix", FOLD, "wildcard"):
            raise PatternError(f'anything-but of "{path}" is not supported')
        [(name, values)] = argument.items()
        tests = [_comparison(name, each, path) for each in (values if isinstance(values, list) else [values])]
        return lambda value: any(test(value) for test in tests)
    wanted = argument if isinstance(argument, list) else [argument]
    if not wanted or not all(isinstance(each, str) or _is_number(each) for each in wanted):
        raise PatternError(f'anything-but of "{path}" takes strings or numbers')
    return lambda value: any(_same(value, each) for each in wanted)


def _prefix(argument: Any, path: str) -> Test:
    if isinstance(argument, dict) and list(argument) == [FOLD]:
        folded = _text(argument[FOLD], path).casefold()
        return lambda value: isinstance(value, str) and value.casefold().startswith(folded)
    start = _text(argument, path)
    return lambda value: isinstance(value, str) and value.startswith(start)


def _suffix(argument: Any, path: str) -> Test:
    if isinstance(argument, dict) and list(argument) == [FOLD]:
        folded = _text(argument[FOLD], path).casefold()
        return lambda value: isinstance(value, str) and value.casefold().endswith(folded)
    end = _text(argument, path)
    return lambda value: isinstance(value, str) and value.endswith(end)


def _ignore_case(argument: Any, path: str) -> Test:
    folded = _text(argument, path).casefold()
    return lambda value: isinstance(value, str) and value.casefold() == folded


def _wildcard(argument: Any, path: str) -> Test:
    """`*` stands for any characters; `\\*` and `\\\\` for themselves."""
    pieces = re.findall(r"\\[*\\]|\*|[^*\\]+|\\", _text(argument, path))
    if any(first == second == "*" for first, second in itertools.pairwise(pieces)):
        raise PatternError(f'"{path}" has two wildcards in a row')
    if "\\" in pieces:
        raise PatternError(f'"{path}" has an invalid escape character')
    unescaped = [".*" if piece == "*" else re.escape(re.sub(r"\\([*\\])", r"\1", piece)) for piece in pieces]
    expression = re.compile("".join(unescaped), re.DOTALL)
    return lambda value: isinstance(value, str) and expression.fullmatch(value) is not None


def _numeric(argument: Any, path: str) -> Test:
    fault = PatternError(
        f'numeric of "{path}" takes one or two pairs of comparison and '
        f"number within {NUMERIC_LIMIT:.0f}, such as "
        '[">", 0, "<=", 5]'
    )
    if not isinstance(argument, list) or len(argument) not in (2, 4):
        raise fault
    pairs = list(zip(argument[::2], argument[1::2], strict=True))
    for sign, bound in pairs:
        if sign not in COMPARISONS or not _is_number(bound) or abs(bound) > NUMERIC_LIMIT:
            raise fault
    if len(pairs) == 2 and (pairs[0][0][0] != ">" or pairs[1][0][0] != "<" or pairs[0][1] >= pairs[1][1]):
        raise fault
    return lambda value: _is_number(value) and all(COMPARISONS[sign](value, bound) for sign, bound in pairs)


def _cidr(argument: Any, path: str) -> Test:
    try:
        network = ipaddress.ip_network(_text(argument, path), strict=False)
    except ValueError as error:
        raise PatternError(f'cidr of "{path}": {error}') from error

    def test(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return test


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise PatternError(f'"{path}" needs a string, not {json.dumps(value)}')
    return value
