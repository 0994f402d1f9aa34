"""Turns the parameters a caller gives into the values a template may use, with every constraint checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from millrace.local.cloudformation.errors import TemplateError

SSM_VALUE = re.compile(r"^AWS::SSM::Parameter::Value<(.+)>$")
HIDDEN = "****"
ReadSsm = Callable[[str], str]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a stack: the text given, and what Ref answers."""

    name: str
    text: str
    value: Any
    no_echo: bool = False
    resolved: str | None = None  # what an SSM-typed parameter stood for

    def described(self) -> dict[str, str]:
        answer = {"ParameterKey": self.name, "ParameterValue": HIDDEN if self.no_echo else self.text}
        if self.resolved is not None:
            answer["ResolvedValue"] = self.resolved
        return answer


def resolve_parameters(
    declared: Mapping[str, Any],
    given: Sequence[Mapping[str, Any]],
    previous: Mapping[str, str],
    read_ssm: ReadSsm,
) -> dict[str, Parameter]:
    """The stack's parameters. `previous` serves UsePreviousValue; a default serves what is not given."""
    unknown = [entry["ParameterKey"] for entry in given if entry["ParameterKey"] not in declared]
    if unknown:
        raise TemplateError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    texts = _texts(declared, given, previous)
    missing = [name for name in declared if name not in texts]
    if missing:
        raise TemplateError(f"Parameters: [{', '.join(missing)}] must have values")
    return {name: _parameter(name, declared[name], texts[name], read_ssm) for name in declared}


def _texts(
    declared: Mapping[str, Any], given: Sequence[Mapping[str, Any]], previous: Mapping[str, str]
) -> dict[str, str]:
    texts = {name: _text(entry["Default"]) for name, entry in declared.items() if "Default" in entry}
    for entry in given:
        name = entry["ParameterKey"]
        if entry.get("UsePreviousValue"):
            if name not in previous:
                raise TemplateError(f"Parameter {name} has no previous value to use")
            texts[name] = previous[name]
        elif "ParameterValue" in entry:
            texts[name] = entry["ParameterValue"]
    return texts


def _text(default: Any) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def _parameter(name: str, entry: Mapping[str, Any], text: str, read_ssm: ReadSsm) -> Parameter:
    kind = entry.get("Type", "String")
    _check(name, entry, text)
    no_echo = str(entry.get("NoEcho", "false")).lower() == "true"
    match = SSM_VALUE.match(kind)
    if match:
        stored = read_ssm(text)
        return Parameter(name, text, _typed(name, match.group(1), stored), no_echo, stored)
    return Parameter(name, text, _typed(name, kind, text), no_echo)


def _typed(name: str, kind: str, text: str) -> Any:
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        return [item.strip() for item in text.split(",")] if text else []
    if kind == "Number":
        _number(name, text)
    return text


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise TemplateError(f"Parameter '{name}' must be a number.") from None


def _check(name: str, entry: Mapping[str, Any], text: str) -> None:
    wrong = _violation(name, entry, text)
    if wrong is None:
        return
    described = entry.get("ConstraintDescription")
    raise TemplateError(f"Parameter {name} failed to satisfy constraint: {described}" if described else wrong)


def _violation(name: str, entry: Mapping[str, Any], text: str) -> str | None:
    many = entry.get("Type") == "CommaDelimitedList" or str(entry.get("Type")).startswith("List<")
    items = ([item.strip() for item in text.split(",")] if text else []) if many else [text]
    if "AllowedValues" in entry and not set(items) <= {_text(value) for value in entry["AllowedValues"]}:
        allowed = ", ".join(_text(value) for value in entry["AllowedValues"])
        return f"Parameter '{name}' must be one of AllowedValues [{allowed}], not {text!r}"
    pattern = entry.get("AllowedPattern")
    if pattern and not all(re.fullmatch(pattern, item) for item in items):
        return f"Parameter '{name}' must match pattern {pattern}"
    if "MinLength" in entry and len(text) < int(entry["MinLength"]):
        return f"Parameter '{name}' must contain at least {entry['MinLength']} characters"
    if "MaxLength" in entry and len(text) > int(entry["MaxLength"]):
        return f"Parameter '{name}' must contain at most {entry['MaxLength']} characters"
    if "MinValue" in entry and _number(name, text) < float(entry["MinValue"]):
        return f"Parameter '{name}' must be a number not less than {entry['MinValue']}"
    if "MaxValue" in entry and _number(name, text) > float(entry["MaxValue"]):
        return f"Parameter '{name}' must be a number not greater than {entry['MaxValue']}"
    return None
