"""The ranges of a tuning job: from the request's texts to values, and between values and the unit interval.

A search works on points of the unit cube; what it proposes becomes hyperparameters here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from millrace.local.service import ServiceError

LINEAR, LOGARITHMIC, REVERSE = "Linear", "Logarithmic", "ReverseLogarithmic"
# With Auto the service chooses by the algorithm; here a range of two orders of magnitude is searched by its logarithm.
WIDE = 100.0


@dataclass(frozen=True)
class NumberRange:
    name: str
    low: float
    high: float
    scaling: str
    whole: bool

    def value(self, unit: float) -> str:
        """The hyperparameter at a point of the unit interval."""
        number = self._unscaled(self._scaled(self.low) + unit * (self._scaled(self.high) - self._scaled(self.low)))
        number = min(max(number, self.low), self.high)
        return str(round(number)) if self.whole else repr(number)

    def _scaled(self, number: float) -> float:
        if self.scaling == LOGARITHMIC:
            return math.log(number)
        return -math.log(1 - number) if self.scaling == REVERSE else number

    def _unscaled(self, number: float) -> float:
        if self.scaling == LOGARITHMIC:
            return math.exp(number)
        return 1 - math.exp(-number) if self.scaling == REVERSE else number


@dataclass(frozen=True)
class Choice:
    name: str
    values: tuple[str, ...]

    def value(self, unit: float) -> str:
        return self.values[min(int(unit * len(self.values)), len(self.values) - 1)]


Range = NumberRange | Choice


def parse_ranges(raw: Mapping[str, Any]) -> tuple[Range, ...]:
    """The ranges of a request's ParameterRanges; a ValidationException names the first that is wrong."""
    if raw.get("AutoParameters"):
        raise refused("AutoParameters are not available in the embedded AWS: give ranges.")
    ranges: list[Range] = [
        *(_number(entry, whole=True) for entry in raw.get("IntegerParameterRanges") or ()),
        *(_number(entry, whole=False) for entry in raw.get("ContinuousParameterRanges") or ()),
        *(Choice(entry["Name"], tuple(entry["Values"])) for entry in raw.get("CategoricalParameterRanges") or ()),
    ]
    names = [each.name for each in ranges]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise refused(f"The hyperparameter {twice[0]} has several ranges.")
    if not ranges:
        raise refused("ParameterRanges must hold at least one range.")
    return tuple(ranges)


def _number(entry: Mapping[str, str], *, whole: bool) -> NumberRange:
    name, texts = entry["Name"], (entry["MinValue"], entry["MaxValue"])
    try:
        low, high = (int(text) if whole else float(text) for text in texts)
    except ValueError as error:
        kind = "an integer" if whole else "a number"
        raise refused(f"The range of {name} goes from '{texts[0]}' to '{texts[1]}': {kind} is needed.") from error
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise refused(f"The range of {name} goes from {texts[0]} to {texts[1]}: MinValue must not be above MaxValue.")
    return NumberRange(name, low, high, _scaling(name, entry.get("ScalingType", "Auto"), low, high), whole)


def _scaling(name: str, asked: str, low: float, high: float) -> str:
    if asked == "Auto":
        return LOGARITHMIC if low > 0 and high / low >= WIDE else LINEAR
    if asked == LOGARITHMIC and low <= 0:
        raise refused(f"The range of {name} begins at {low:g}: Logarithmic needs values above 0.")
    if asked == REVERSE and not (low >= 0 and high < 1):
        raise refused(f"The range of {name} goes from {low:g} to {high:g}: ReverseLogarithmic needs 0 <= x < 1.")
    return asked


def hyperparameters(ranges: Sequence[Range], point: Sequence[float]) -> dict[str, str]:
    return {each.name: each.value(unit) for each, unit in zip(ranges, point, strict=True)}


def refused(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
