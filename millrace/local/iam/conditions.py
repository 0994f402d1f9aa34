"""The Condition element: every operator, IfExists, ForAllValues/ForAnyValue, missing keys, wrong types.

Called by documents.py. What AWS documents is followed; what it does not document (several values under an
operator without a set qualifier, a value of the wrong type) is decided against the caller: such a condition
does not hold in an Allow statement and holds in a Deny statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt
from typing import TypeVar

from millrace.local.iam import matching, values
from millrace.local.iam.matching import Pattern, Style
from millrace.local.iam.variables import Context

T = TypeVar("T")

Test = Callable[[str, Context], bool | None]  # None: cannot be compared
MakeTest = Callable[[tuple[str, ...], bool, bool], Test]  # policy values, negated, variables allowed

_ALL = "ForAllValues:"
_ANY = "ForAnyValue:"
_IF_EXISTS = "IfExists"


class UnknownOperatorError(ValueError):
    """A condition operator that does not exist."""


@dataclass(frozen=True)
class Condition:
    """One operator on one key."""

    key: str  # lower case
    test: Test
    negated: bool = False
    quantifier: str = ""  # "" | "ForAllValues:" | "ForAnyValue:"
    if_exists: bool = False

    def holds(self, context: Context, *, undecided: bool) -> bool:
        """Whether it holds; `undecided` is the answer where AWS documents none."""
        found = context.get(self.key, ())
        if not found or (self.quantifier and not any(found)):
            return self._holds_without_value(undecided)
        if len(found) > 1 and not self.quantifier:
            return undecided
        answers = (self._holds_for(value, context, undecided) for value in found)
        return any(answers) if self.quantifier == _ANY else all(answers)

    def _holds_without_value(self, undecided: bool) -> bool:
        if self.quantifier == _ANY:
            return undecided if self.if_exists else False
        return self.quantifier == _ALL or self.if_exists or self.negated

    def _holds_for(self, value: str, context: Context, undecided: bool) -> bool:
        answer = self.test(value, context)
        return undecided if answer is None else answer != self.negated


@dataclass(frozen=True)
class NullCondition:
    """`Null`: whether the key is absent."""

    key: str
    absent: frozenset[bool]  # the wanted answers

    def holds(self, context: Context, *, undecided: bool) -> bool:
        return (not context.get(self.key)) in self.absent


def compile_condition(
    operator: str, key: str, wanted: tuple[str, ...], *, variables: bool
) -> Condition | NullCondition:
    """The condition `operator: {key: wanted}`; raises UnknownOperatorError."""
    quantifier = next((prefix for prefix in (_ALL, _ANY) if operator.startswith(prefix)), "")
    name = operator.removeprefix(quantifier)
    if name == "Null":
        return NullCondition(key.lower(), frozenset(value.lower() == "true" for value in wanted))
    base = name.removesuffix(_IF_EXISTS)
    if base not in OPERATORS:
        raise UnknownOperatorError(operator)
    make, negated = OPERATORS[base]
    test = make(wanted, negated, variables)
    return Condition(key.lower(), test, negated, quantifier, if_exists=name != base)


def _texts(style: Style) -> MakeTest:
    def make(wanted: tuple[str, ...], negated: bool, variables: bool) -> Test:
        patterns = [Pattern(text, style, variables_allowed=variables) for text in wanted]

        def test(value: str, context: Context) -> bool | None:
            answer = _any(pattern.matches(value, context) for pattern in patterns)
            # A variable without a value matches nothing; that it would also "not match" is not documented.
            return False if answer is None and not negated else answer

        return test

    return make


def _compared(parse: Callable[[str], T | None], compare: Callable[[T, T], bool]) -> MakeTest:
    def make(wanted: tuple[str, ...], negated: bool, variables: bool) -> Test:
        limits = [parse(text) for text in wanted]

        def test(value: str, context: Context) -> bool | None:
            given = parse(value)
            if given is None:
                return None
            return _any(None if limit is None else compare(given, limit) for limit in limits)

        return test

    return make


def _addresses(wanted: tuple[str, ...], negated: bool, variables: bool) -> Test:
    networks = [values.network(text) for text in wanted]

    def test(value: str, context: Context) -> bool | None:
        address = values.address(value)
        if address is None:
            return None
        return _any(None if network is None else address in network for network in networks)

    return test


def _any(answers: Iterable[bool | None]) -> bool | None:
    unknown = False
    for answer in answers:
        if answer:
            return True
        unknown = unknown or answer is None
    return None if unknown else False


_EXACT, _ANY_CASE, _LIKE = _texts(matching.EXACT), _texts(matching.EXACT_ANY_CASE), _texts(matching.LIKE)
_ARN = _texts(matching.ARN)

OPERATORS: dict[str, tuple[MakeTest, bool]] = {  # name -> (test of one value, negated)
    "StringEquals": (_EXACT, False),
    "StringNotEquals": (_EXACT, True),
    "StringEqualsIgnoreCase": (_ANY_CASE, False),
    "StringNotEqualsIgnoreCase": (_ANY_CASE, True),
    "StringLike": (_LIKE, False),
    "StringNotLike": (_LIKE, True),
    "NumericEquals": (_compared(values.number, eq), False),
    "NumericNotEquals": (_compared(values.number, eq), True),
    "NumericLessThan": (_compared(values.number, lt), False),
    "NumericLessThanEquals": (_compared(values.number, le), False),
    "NumericGreaterThan": (_compared(values.number, gt), False),
    "NumericGreaterThanEquals": (_compared(values.number, ge), False),
    "DateEquals": (_compared(values.moment, eq), False),
    "DateNotEquals": (_compared(values.moment, eq), True),
    "DateLessThan": (_compared(values.moment, lt), False),
    "DateLessThanEquals": (_compared(values.moment, le), False),
    "DateGreaterThan": (_compared(values.moment, gt), False),
    "DateGreaterThanEquals": (_compared(values.moment, ge), False),
    "Bool": (_compared(values.boolean, eq), False),
    "BinaryEquals": (_compared(values.binary, eq), False),
    "IpAddress": (_addresses, False),
    "NotIpAddress": (_addresses, True),
    "ArnEquals": (_ARN, False),
    "ArnLike": (_ARN, False),
    "ArnNotEquals": (_ARN, True),
    "ArnNotLike": (_ARN, True),
}
