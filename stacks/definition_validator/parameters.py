"""The declarations of the pipeline's parameters. Their defaults are checked again where they are used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stacks.definition_validator.violation import NOTHING, Place, Report, choices

LIMIT = 200
VALUE_LENGTH = 1024
TYPES: Mapping[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Float": (int, float),
    "Boolean": (bool,),
}
KEYS = {"Name", "Type", "DefaultValue", "EnumValues"}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")


@dataclass(frozen=True)
class Parameter:
    """A declared parameter; `type` is empty when the declared one is wrong."""

    name: str
    type: str
    default: Any
    allowed: tuple[Any, ...]


def read_parameters(value: Any, report: Report) -> dict[str, Parameter]:
    place = Place("", "Parameters")
    if not isinstance(value, list):
        report.add(place, "is not a list of parameters", value=value)
        return {}
    if len(value) > LIMIT:
        report.add(place, f"has {len(value)} parameters", allowed=f"{LIMIT} at most")
    found: dict[str, Parameter] = {}
    for position, body in enumerate(value):
        parameter = _parameter(body, place.index(position), report)
        if parameter and parameter.name in found:
            report.add(Place("", f"Parameters.{parameter.name}"), "is declared twice", advice="rename one")
        elif parameter:
            found[parameter.name] = parameter
    return found


def fits(value: Any, kind: str) -> bool:
    """Whether a JSON value is of a parameter's type; in Python a boolean is an integer too."""
    return isinstance(value, TYPES[kind]) and isinstance(value, bool) == (kind == "Boolean")


def _parameter(body: Any, place: Place, report: Report) -> Parameter | None:
    name = body.get("Name") if isinstance(body, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        report.add(place, "has no valid Name", value=name, allowed="1 to 256 letters, digits, - and _")
        return None
    here = Place("", f"Parameters.{name}")
    for key in body.keys() - KEYS:
        report.add(here.member(key), "is unknown", allowed=choices(key, KEYS))
    kind = body.get("Type")
    if not isinstance(kind, str) or kind not in TYPES:
        report.add(here.member("Type"), "is wrong", value=kind, allowed=choices(kind, TYPES))
        return Parameter(name, "", NOTHING, ())
    allowed = _allowed(body, kind, here, report)
    default = _default(body, kind, allowed, here, report)
    return Parameter(name, kind, default, allowed)


def _allowed(body: Mapping[str, Any], kind: str, place: Place, report: Report) -> tuple[Any, ...]:
    values = body.get("EnumValues", [])
    if not isinstance(values, list) or not all(fits(value, kind) for value in values):
        report.add(place.member("EnumValues"), f"is not a list of {kind} values", value=values)
        return ()
    return tuple(values)


def _default(body: Mapping[str, Any], kind: str, allowed: tuple[Any, ...], place: Place, report: Report) -> Any:
    here = place.member("DefaultValue")
    default = body.get("DefaultValue", NOTHING)
    if default is NOTHING:
        return NOTHING
    if not fits(default, kind):
        report.add(here, f"is not of type {kind}", value=default, advice="change the default or the Type")
        return NOTHING
    if isinstance(default, str) and len(default) > VALUE_LENGTH:
        report.add(here, f"has {len(default)} characters", allowed=f"{VALUE_LENGTH} at most")
    if allowed and default not in allowed:
        report.add(here, "is not one of EnumValues", value=default, allowed=", ".join(map(str, allowed)))
    return default
