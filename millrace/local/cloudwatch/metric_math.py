"""Computes metric math: the values of an expression's tree over the series of its metrics."""

from __future__ import annotations

import itertools
import math
import operator
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from millrace.local.cloudwatch.expression import Array, Binary, Call, MathError, Name, Negative, Node, Number, Text

Series = list[float | None]
Result = float | Series | list[Series]
Arithmetic = Callable[[float, float], float | None]


def _divide(left: float, right: float) -> float | None:
    return left / right if right else None


def _modulo(left: float, right: float) -> float | None:
    return math.fmod(left, right) if right else None


def _power(left: float, right: float) -> float | None:
    try:
        found = left**right
    except (OverflowError, ZeroDivisionError):
        return None
    return None if isinstance(found, complex) else float(found)


def _truth(test: Callable[[float, float], bool]) -> Arithmetic:
    return lambda left, right: float(test(left, right))


SIGNS: Mapping[str, Arithmetic] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _modulo,
    "^": _power,
    "==": _truth(operator.eq),
    "!=": _truth(operator.ne),
    "<": _truth(operator.lt),
    "<=": _truth(operator.le),
    ">": _truth(operator.gt),
    ">=": _truth(operator.ge),
    **dict.fromkeys(("&&", "AND"), _truth(lambda left, right: bool(left and right))),
    **dict.fromkeys(("||", "OR"), _truth(lambda left, right: bool(left or right))),
}
SUMMARIES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "AVG": statistics.fmean,
    "MAX": max,
    "METRIC_COUNT": len,
    "MIN": min,
    "STDDEV": statistics.pstdev,
    "SUM": math.fsum,
}
EACH: Mapping[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}


@dataclass(frozen=True)
class Computation:
    """The series of the metrics an expression may use, by id; all have `length` values, `period` seconds apart."""

    series: Mapping[str, Series]
    metrics: Sequence[str]
    period: int
    length: int

    def series_of(self, node: Node) -> Series:
        """The expression's value as one series."""
        found = self._value(node)
        if isinstance(found, list) and any(isinstance(each, list) for each in found):
            raise MathError("the expression yields several time series where one is wanted")
        return self._spread(found)  # type: ignore[arg-type]

    def _spread(self, value: float | Series) -> Series:
        return value if isinstance(value, list) else [float(value)] * self.length

    def _nothing(self) -> Series:
        return [None] * self.length

    def _value(self, node: Node) -> Result:
        match node:
            case Number(value):
                return value
            case Name(value):
                if value not in self.series:
                    raise MathError(f"no metric or expression has the id {value}")
                return self.series[value]
            case Negative(of):
                return self._each(lambda value: -value, self._value(of))
            case Binary(sign, left, right):
                return self._pairs(SIGNS[sign], self._value(left), self._value(right))
            case Array(items):
                return [self._spread(self._value(each)) for each in items]  # type: ignore[arg-type]
            case Call(function, arguments):
                return self._call(function, arguments)
        raise MathError(f"{node} is no value")

    def _each(self, change: Callable[[float], float], value: Result) -> Result:
        if not isinstance(value, list):
            return change(value)
        return [
            self._each(change, each) if isinstance(each, list) else None if each is None else change(each)
            for each in value
        ]  # type: ignore[return-value]

    def _pairs(self, join: Arithmetic, left: Result, right: Result) -> Result:
        if not isinstance(left, list) and not isinstance(right, list):
            found = join(left, right)
            return self._nothing() if found is None else found
        if _is_several(left) or _is_several(right):
            many = left if _is_several(left) else right
            assert isinstance(many, list)
            lefts = left if _is_several(left) else [left] * len(many)
            rights = right if _is_several(right) else [right] * len(many)
            return [self._pairs(join, one, other) for one, other in zip(lefts, rights, strict=True)]  # type: ignore[arg-type,return-value]
        return [
            None if one is None or other is None else join(one, other)
            for one, other in zip(self._spread(left), self._spread(right), strict=True)  # type: ignore[arg-type]
        ]

    def _call(self, function: str, arguments: tuple[Node, ...]) -> Result:
        if function == "METRICS":
            part = arguments[0].value if arguments and isinstance(arguments[0], Text) else ""
            return [self.series[name] for name in self.metrics if part in name]
        if function == "PERIOD":
            return float(self.period)
        value = self._value(arguments[0])
        if function in SUMMARIES:
            return self._summary(SUMMARIES[function], value)
        if function in EACH:
            return self._each(EACH[function], value)
        if function == "IF":
            return self._choice(value, [self._value(each) for each in arguments[1:]])
        if function == "FILL":
            return self._filled(self._spread(value), arguments[1])  # type: ignore[arg-type]
        series = self._spread(value)  # type: ignore[arg-type]
        if function == "RUNNING_SUM":
            return _running_sum(series)
        if function in ("DIFF", "RATE"):
            return _steps(series, self.period if function == "RATE" else 1)
        return series  # TIME_SERIES

    def _summary(self, summary: Callable[[Sequence[float]], float], value: Result) -> Result:
        """Of one series a number; of several a series."""
        if not isinstance(value, list):
            return summary([value])
        if _is_several(value):
            rows = ([each for each in row if each is not None] for row in zip(*value, strict=True))
            return [float(summary(row)) if row else None for row in rows]
        there = [each for each in value if each is not None]
        return float(summary(there)) if there else self._nothing()  # type: ignore[arg-type]

    def _choice(self, condition: Result, branches: list[Result]) -> Result:
        yes = self._spread(branches[0])  # type: ignore[arg-type]
        no: Series = self._spread(branches[1]) if len(branches) > 1 else self._nothing()  # type: ignore[arg-type]
        if not isinstance(condition, list):
            return yes if condition else no
        return [
            None if test is None else one if test else other
            for test, one, other in zip(condition, yes, no, strict=True)
        ]

    def _filled(self, series: Series, way: Node) -> Series:
        """A series without any value stays empty: there is nothing that it would be the gap of."""
        if all(value is None for value in series):
            return series
        if way == Name("REPEAT"):
            return _repeated(series)
        if way == Name("LINEAR"):
            return _interpolated(series)
        by = self._spread(self._value(way))  # type: ignore[arg-type]
        return [other if value is None else value for value, other in zip(series, by, strict=True)]


def _is_several(value: Result) -> bool:
    return isinstance(value, list) and any(isinstance(each, list) for each in value)


def _running_sum(series: Series) -> Series:
    made: Series = []
    total = 0.0
    for value in series:
        total += value or 0.0
        made.append(None if value is None else total)
    return made


def _steps(series: Series, by: float) -> Series:
    made: Series = []
    before: float | None = None
    for value in series:
        made.append(None if value is None or before is None else (value - before) / by)
        before = value
    return made


def _repeated(series: Series) -> Series:
    made: Series = []
    for value in series:
        made.append(made[-1] if value is None and made else value)
    return made


def _interpolated(series: Series) -> Series:
    there = [place for place, value in enumerate(series) if value is not None]
    made = list(series)
    for left, right in itertools.pairwise(there):
        first, last = series[left] or 0.0, series[right] or 0.0
        for place in range(left + 1, right):
            made[place] = first + (last - first) * (place - left) / (right - left)
    return made
