"""The conditions of a Condition step: records, their parser, and their evaluation."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from millrace.local.sagemaker.pipelines.errors import DefinitionError, ResolutionError

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
TYPES = (*_COMPARISONS, "In", "Not", "Or")


@dataclass(frozen=True)
class Comparison:
    type: str
    left: Any
    right: Any


@dataclass(frozen=True)
class In:
    query: Any
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Not:
    condition: Condition


@dataclass(frozen=True)
class Or:
    conditions: tuple[Condition, ...]


Condition = Comparison | In | Not | Or


def parse_conditions(raw: Any) -> tuple[Condition, ...]:
    """The records of a list of conditions."""
    if not isinstance(raw, list):
        raise DefinitionError("Expecting start of Json Array.")
    if not raw:
        raise DefinitionError("Conditions must hold at least one condition.")
    return tuple(parse_condition(item) for item in raw)


def parse_condition(raw: Any) -> Condition:
    """The record of one condition."""
    if not isinstance(raw, dict):
        raise DefinitionError("Expecting start of Json Object.")
    kind = raw.get("Type")
    if kind in _COMPARISONS:
        _members(raw, "LeftValue", "RightValue")
        return Comparison(kind, raw["LeftValue"], raw["RightValue"])
    if kind == "In":
        _members(raw, "QueryValue", "Values")
        if not isinstance(raw["Values"], list):
            raise DefinitionError("Expecting start of Json Array.")
        return In(raw["QueryValue"], tuple(raw["Values"]))
    if kind == "Not":
        _members(raw, "Condition")
        return Not(parse_condition(raw["Condition"]))
    if kind == "Or":
        _members(raw, "Conditions")
        return Or(parse_conditions(raw["Conditions"]))
    raise DefinitionError(f"Unknown condition type {kind!r}: it must be one of {', '.join(TYPES)}.")


def _members(raw: dict[str, Any], *names: str) -> None:
    unknown = sorted(set(raw) - {"Type", *names})
    if unknown:
        raise DefinitionError(f"Cannot parse object, unknown property '{unknown[0]}'.")
    missing = [name for name in names if name not in raw]
    if missing:
        raise DefinitionError(f"Condition {raw['Type']} has no '{missing[0]}'.")


def all_hold(conditions: tuple[Condition, ...], value_of: Callable[[Any], Any]) -> bool:
    """Whether every condition holds; `value_of` resolves an operand."""
    return all(holds(condition, value_of) for condition in conditions)


def holds(condition: Condition, value_of: Callable[[Any], Any]) -> bool:
    """Whether one condition holds."""
    if isinstance(condition, Not):
        return not holds(condition.condition, value_of)
    if isinstance(condition, Or):
        return any(holds(part, value_of) for part in condition.conditions)
    if isinstance(condition, In):
        query = value_of(condition.query)
        return any(_compare("Equals", query, value_of(value)) for value in condition.values)
    return _compare(condition.type, value_of(condition.left), value_of(condition.right))


def _compare(kind: str, left: Any, right: Any) -> bool:
    if _family(left) != _family(right):
        raise ResolutionError(f"{kind} cannot compare {left!r} with {right!r}: their types differ.")
    if kind != "Equals" and _family(left) != "number":
        raise ResolutionError(f"{kind} compares numbers, but was given {left!r} and {right!r}.")
    return _COMPARISONS[kind](left, right)


def _family(value: Any) -> str:
    """Integers and floats compare with each other; otherwise only like with like."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    raise ResolutionError(f"A condition compares strings, numbers or booleans, but was given {value!r}.")
