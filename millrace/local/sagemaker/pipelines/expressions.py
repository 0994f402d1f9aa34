"""The resolver: replaces every expression within step arguments by its value in one execution.

Called by `execution` with a Scope that knows the run's parameters and the steps' Describe answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from millrace.local.sagemaker.pipelines.errors import DefinitionError, ResolutionError
from millrace.local.sagemaker.pipelines.parameters import Scalar
from millrace.local.sagemaker.pipelines.references import (
    GET,
    JOIN,
    ExecutionReference,
    Key,
    ParameterReference,
    Path,
    PropertyFileReference,
    Segment,
    is_expression,
    parse_path,
    parse_reference,
    path_text,
)


class Scope(Protocol):
    """Where values come from during one execution."""

    @property
    def parameters(self) -> Mapping[str, Scalar]: ...
    @property
    def variables(self) -> Mapping[str, str]: ...
    def properties(self, step: str) -> Mapping[str, Any]:
        """What Describe says about the step's resource; ResolutionError if the step did not run."""

    def property_file(self, step: str, name: str) -> Any:
        """The parsed JSON of a property file that the step left in S3."""

    def json_object(self, uri: str) -> Any:
        """The parsed JSON of an S3 object."""


def resolve(value: Any, scope: Scope) -> Any:
    """The value with every expression in it replaced; plain JSON stays as it is."""
    if is_expression(value):
        function, argument = next(iter(value.items()))
        return _call(function, argument, scope)
    if isinstance(value, dict):
        return {name: resolve(item, scope) for name, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, scope) for item in value]
    return value


def _call(function: str, argument: Any, scope: Scope) -> Any:
    if function == GET:
        return _get(argument, scope)
    if function == JOIN:
        return _join(argument, scope)
    return _json_get(argument, scope)


def _get(text: Any, scope: Scope) -> Any:
    reference = parse_reference(text)
    if isinstance(reference, ParameterReference):
        return _entry(scope.parameters, reference.name, text)
    if isinstance(reference, ExecutionReference):
        return _entry(scope.variables, reference.name, text)
    if isinstance(reference, PropertyFileReference):
        raise ResolutionError(f"'{text}' names a property file: read it with {{'Std:JsonGet': ...}}.")
    return follow(scope.properties(reference.step), reference.path, where=text)


def _entry(values: Mapping[str, Any], name: str, text: str) -> Any:
    if name not in values:
        raise ResolutionError(f"'{text}' has no value in this step.")
    return values[name]


def _join(argument: Mapping[str, Any], scope: Scope) -> str:
    return str(argument.get("On", "")).join(_joined(item, scope) for item in argument["Values"])


def _joined(item: Any, scope: Scope) -> str:
    value = resolve(item, scope)
    if isinstance(value, dict | list) or value is None:
        raise ResolutionError(f"Std:Join needs strings, numbers or booleans, but {json.dumps(item)} is {value!r}.")
    return as_text(value)


def _json_get(argument: Mapping[str, Any], scope: Scope) -> Any:
    path = argument["Path"]
    if "S3Uri" in argument:
        uri = resolve(argument["S3Uri"], scope)
        return follow(scope.json_object(uri), json_path(path), where=f"{uri} {path}")
    reference = parse_reference(argument["PropertyFile"][GET])
    if not isinstance(reference, PropertyFileReference):
        raise ResolutionError(f"Std:JsonGet needs a property file, but was given '{argument['PropertyFile'][GET]}'.")
    document = scope.property_file(reference.step, reference.file)
    where = f"property file '{reference.file}' of step '{reference.step}', path '{path}'"
    return follow(document, json_path(path), where=where)


def json_path(text: str) -> Path:
    """The path of a Std:JsonGet, with or without the `$.` of JSONPath."""
    return parse_path(text.removeprefix("$").removeprefix("."), within=text)


def check_function(value: Mapping[str, Any]) -> None:
    """DefinitionError unless the arguments of a Join or JsonGet have the language's form."""
    function, argument = next(iter(value.items()))
    if function == GET:
        parse_reference(argument)
        return
    if not isinstance(argument, dict):
        raise DefinitionError(f"{function} expects an object, found {argument!r}.")
    if function == JOIN:
        if not isinstance(argument.get("Values"), list) or not isinstance(argument.get("On", ""), str):
            raise DefinitionError("Std:Join expects {'On': string, 'Values': [...]}.")
        return
    if not isinstance(argument.get("Path"), str) or ("PropertyFile" in argument) == ("S3Uri" in argument):
        raise DefinitionError("Std:JsonGet expects {'PropertyFile': {'Get': ...}, 'Path': string}.")
    file = argument.get("PropertyFile", {GET: ""})
    if not is_expression(file) or GET not in file:
        raise DefinitionError("PropertyFile of Std:JsonGet expects {'Get': 'Steps.<step>.PropertyFiles.<name>'}.")
    json_path(argument["Path"])


def follow(document: Any, path: Path, *, where: str) -> Any:
    """What lies at the path; ResolutionError naming the first segment that leads nowhere."""
    value = document
    for depth, segment in enumerate(path):
        value = _descend(value, segment, where, path[: depth + 1])
    return value.isoformat() if isinstance(value, datetime) else value


def _descend(value: Any, segment: Segment, where: str, so_far: Path) -> Any:
    if isinstance(value, list):
        return _item(value, segment, where, so_far)
    name = segment.name if isinstance(segment, Key) else segment
    if isinstance(value, dict) and name in value:
        return value[name]
    known = f"it has {', '.join(map(str, value)) or 'nothing'}" if isinstance(value, dict) else f"it is {value!r}"
    raise _nowhere(where, so_far, known)


def _item(items: list[Any], segment: Segment, where: str, so_far: Path) -> Any:
    if isinstance(segment, int):
        if segment < len(items):
            return items[segment]
        raise _nowhere(where, so_far, f"the list has {len(items)} items")
    wanted = segment.name if isinstance(segment, Key) else segment
    names = [name_of(item) for item in items]
    if wanted in names:
        return items[names.index(wanted)]
    raise _nowhere(where, so_far, f"the list has {', '.join(str(name) for name in names) or 'no items'}")


def name_of(item: Any) -> str | None:
    """By which `['name']` a list's item is found: its first member ending in Name (OutputName, ...)."""
    if not isinstance(item, dict):
        return None
    return next((v for k, v in item.items() if k.endswith("Name") and isinstance(v, str)), None)


def _nowhere(where: str, so_far: Path, known: str) -> ResolutionError:
    return ResolutionError(f"There is no '{path_text(so_far)}' in {where}: {known}.")


def as_text(value: Scalar) -> str:
    """A scalar as the service writes it into a string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
