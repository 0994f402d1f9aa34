"""Whether the endpoint's answers are those that the model gave when it was trained. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TOLERANCE = 1e-6
"""How far a score may be off: another processor may round the last bit otherwise."""


def same(found: Any, wanted: Any) -> bool:
    """Numbers within the tolerance, all else equal."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        return found.keys() == wanted.keys() and all(same(found[name], wanted[name]) for name in found)
    if isinstance(found, float) or isinstance(wanted, float):
        numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (found, wanted))
        return numbers and abs(found - wanted) <= TOLERANCE * max(1.0, abs(wanted))
    return bool(found == wanted and type(found) is type(wanted))


def first_difference(found: Any, wanted: list[Any]) -> str:
    """Where the answers are not the ones of the training; empty if they are."""
    if not isinstance(found, list) or len(found) != len(wanted):
        return f"{len(wanted)} golden rows are answered with {len(found) if isinstance(found, list) else 'no list'}"
    for number, (one, other) in enumerate(zip(found, wanted, strict=True), 1):
        if not same(one, other):
            return f"golden row {number} is answered with {str(one)[:150]}, and was with {str(other)[:150]}"
    return ""
