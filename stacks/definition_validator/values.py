"""Checks one known scalar against the limits of its shape: type, enum, length, pattern and range.

botocore's own validator looks at the type and at a few minimums only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from botocore.model import Shape, StringShape

from stacks.definition_validator.resolved import Known
from stacks.definition_validator.violation import Place, Report, choices

_JAVA = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": " \u00a0\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"}
"""Letters, numbers and separators of any script; where these patterns take letters, they take the underscore too."""
_LENGTH = re.compile(r"\$\{\d+,\d+\}$")
"""A slip in the model's patterns of metadata; the lengths stand beside them as well."""
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "a text"),
    "character": ((str,), "a text"),
    "timestamp": ((str, int, float), "a time"),
    "blob": ((str,), "a text"),
    "integer": ((int,), "a whole number"),
    "long": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "double": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
}


def is_scalar(shape: Shape) -> bool:
    return shape.type_name in _TYPES


def type_text(type_name: str) -> str:
    return _TYPES[type_name][1] if type_name in _TYPES else f"a {type_name}"


def check_scalar(known: Known, shape: Shape, place: Place, report: Report) -> None:
    """Report what is wrong with a value known before the run."""
    types, wanted = _TYPES[shape.type_name]
    value = known.value
    if not isinstance(value, types) or isinstance(value, bool) != (shape.type_name == "boolean"):
        report.add(place, f"is not {wanted}{_origin(known)}", value=value, allowed=wanted)
    elif isinstance(shape, StringShape) and isinstance(value, str):
        _check_text(known, value, shape, place, report)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        _check_number(known, value, shape, place, report)


def check_length(length: int, what: str, shape: Shape, place: Place, report: Report) -> None:
    """Report a list or map with too few or too many of `what`."""
    bounds = _Bounds.of(shape)
    if not bounds.hold(length):
        report.add(place, f"has {length} {what}", allowed=str(bounds))


@dataclass(frozen=True)
class _Bounds:
    least: float | None
    most: float | None

    @classmethod
    def of(cls, shape: Shape) -> _Bounds:
        return cls(shape.metadata.get("min"), shape.metadata.get("max"))

    def hold(self, number: float) -> bool:
        return (self.least is None or number >= self.least) and (self.most is None or number <= self.most)

    def __str__(self) -> str:
        least = f"{self.least} at least" if self.least else ""
        most = f"{self.most} at most" if self.most is not None else ""
        return ", ".join(text for text in (least, most) if text)


def _check_number(known: Known, number: float, shape: Shape, place: Place, report: Report) -> None:
    bounds = _Bounds.of(shape)
    if not bounds.hold(number):
        report.add(place, f"is out of range{_origin(known)}", value=number, allowed=str(bounds))


def _check_text(known: Known, text: str, shape: StringShape, place: Place, report: Report) -> None:
    bounds, origin = _Bounds.of(shape), _origin(known)
    if shape.enum:
        if text not in shape.enum:
            allowed = choices(text, shape.enum)
            report.add(place, f"is no {shape.name}{origin}", value=text, allowed=allowed, advice="choose one of them")
    elif not bounds.hold(len(text)):  # before the pattern: some take for ever on long texts
        report.add(place, f"has {len(text)} characters{origin}", value=text, allowed=str(bounds))
    elif (matcher := _matcher(shape.metadata.get("pattern", ""))) and not matcher(text):
        problem, allowed = f"does not have the form of {shape.name}{origin}", shape.metadata["pattern"]
        report.add(place, problem, value=text, allowed=f"the pattern {allowed}")


@cache
def _matcher(pattern: str) -> Callable[[str], object] | None:
    """None for the patterns that only Java understands."""
    for java, python in _JAVA.items():
        pattern = pattern.replace(java, python)
    try:
        return re.compile(_LENGTH.sub("", pattern)).fullmatch if pattern else None
    except re.error:
        return None


def _origin(known: Known) -> str:
    return f" ({known.origin})" if known.origin else ""
