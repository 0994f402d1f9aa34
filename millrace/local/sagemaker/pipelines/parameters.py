"""Pipeline parameters: their declaration in a definition and the typed values of one run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from millrace.local.sagemaker.pipelines.errors import DefinitionError, ParameterError

Scalar = str | int | float | bool
TYPES = ("String", "Integer", "Float", "Boolean")
NAME = re.compile(r"[A-Za-z0-9_\-]{1,256}")
VALUE_CHARACTERS = 1024


@dataclass(frozen=True)
class Parameter:
    """One declared parameter; without a default every run must give a value."""

    name: str
    type: str
    default: Scalar | None = None
    allowed: tuple[Scalar, ...] | None = None


def parse_parameter(raw: Any) -> Parameter:
    """The record of one entry of `Parameters`."""
    if not isinstance(raw, dict):
        raise DefinitionError("Expecting start of Json Object.")
    unknown = sorted(set(raw) - {"Name", "Type", "DefaultValue", "EnumValues", "Description"})
    if unknown:
        raise DefinitionError(f"Unknown parameter property '{unknown[0]}'.")
    name, kind = raw.get("Name"), raw.get("Type")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise DefinitionError(f"Invalid parameter name {name!r}: 1 to 256 letters, digits, - and _ are allowed.")
    if kind not in TYPES:
        raise DefinitionError(f"Invalid type {kind!r} of parameter '{name}': it must be one of {', '.join(TYPES)}.")
    default = _typed(name, kind, raw["DefaultValue"]) if "DefaultValue" in raw else None
    allowed = _allowed(name, kind, raw["EnumValues"]) if raw.get("EnumValues") is not None else None
    if default is not None and allowed is not None and default not in allowed:
        raise DefinitionError(f"Default value {default!r} of parameter '{name}' is not one of its EnumValues.")
    return Parameter(name, kind, default, allowed)


def _allowed(name: str, kind: str, values: Any) -> tuple[Scalar, ...]:
    if not isinstance(values, list):
        raise DefinitionError("Expecting start of Json Array.")
    return tuple(_typed(name, kind, value) for value in values)


def _typed(name: str, kind: str, value: Any) -> Scalar:
    """A JSON value of the declared type; an integer is a good Float, a Boolean is no number."""
    fits = {
        "String": isinstance(value, str),
        "Integer": isinstance(value, int) and not isinstance(value, bool),
        "Float": isinstance(value, int | float) and not isinstance(value, bool),
        "Boolean": isinstance(value, bool),
    }[kind]
    if not fits:
        raise DefinitionError(f"Value {value!r} of parameter '{name}' is not of type {kind}.")
    return float(value) if kind == "Float" else value


def parse_text(parameter: Parameter, text: str) -> Scalar:
    """The typed value of what a run passes as a string."""
    value = _from_text(parameter.type, text)
    if value is None:
        raise ParameterError(
            f"Invalid value '{text}' of parameter '{parameter.name}': it is not of type {parameter.type}."
        )
    if parameter.allowed is not None and value not in parameter.allowed:
        allowed = ", ".join(str(choice) for choice in parameter.allowed)
        raise ParameterError(f"Invalid value '{text}' of parameter '{parameter.name}': allowed are [{allowed}].")
    return value


def _from_text(kind: str, text: str) -> Scalar | None:
    if kind == "String":
        return text
    if kind == "Boolean":
        return {"true": True, "false": False}.get(text.lower())
    if kind == "Integer":
        return int(text) if re.fullmatch(r"[+-]?[0-9]{1,19}", text) else None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def bind(declared: Iterable[Parameter], given: Mapping[str, str]) -> dict[str, Scalar]:
    """The typed value of every declared parameter for one run: what was given, else the default."""
    parameters = {parameter.name: parameter for parameter in declared}
    unknown = sorted(set(given) - set(parameters))
    if unknown:
        raise ParameterError(f"Unknown parameters [{', '.join(unknown)}]: the pipeline does not declare them.")
    missing = [p.name for p in parameters.values() if p.name not in given and p.default is None]
    if missing:
        raise ParameterError(f"Missing values for required parameters [{', '.join(missing)}]: they have no default.")
    bound: dict[str, Scalar] = {}
    for parameter in parameters.values():
        default = parameter.default
        text = given.get(parameter.name)
        bound[parameter.name] = parse_text(parameter, text) if text is not None else default  # type: ignore[assignment]
    return bound
