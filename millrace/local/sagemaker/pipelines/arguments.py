"""Step arguments and step properties held against SageMaker's own API model (botocore's).

At Create: unknown argument members, wrong JSON kinds, and property paths that Describe never answers.
At run time: scalars become strings where the API wants strings, as the service does.
"""

from __future__ import annotations

from typing import Any

from millrace.local.sagemaker.pipelines.errors import DefinitionError
from millrace.local.sagemaker.pipelines.expressions import as_text, check_function
from millrace.local.sagemaker.pipelines.references import Key, Path, is_expression, path_text


def check_arguments(value: Any, shape: Any, *, refused: frozenset[str] = frozenset()) -> None:
    """DefinitionError as CreatePipeline gives it; values inside expressions are not known yet."""
    if shape.type_name == "structure":
        _expect(value, dict, "Object")
        unknown = sorted((set(value) - set(shape.members)) | (set(value) & refused))
        if unknown:
            raise DefinitionError(f"Unknown Argument member '{unknown[0]}'.")
        for name, item in value.items():
            check_arguments(item, shape.members[name])
    elif shape.type_name == "list":
        _expect(value, list, "Array")
        for item in value:
            check_arguments(item, shape.member)
    elif shape.type_name == "map":
        _expect(value, dict, "Object")
        for item in value.values():
            check_arguments(item, shape.value)
    else:
        check_scalar(value)


def _expect(value: Any, kind: type, name: str) -> None:
    if not isinstance(value, kind):
        raise DefinitionError(f"Expecting start of Json {name}.")


def check_scalar(value: Any) -> None:
    """DefinitionError unless the value is plain or one expression."""
    if is_expression(value):
        return
    if isinstance(value, dict) and value:
        raise DefinitionError(f"Cannot parse object, unknown property '{next(iter(value))}'.")
    if isinstance(value, dict | list):
        raise DefinitionError(f"Expecting a value or an expression, found {value!r}.")


def check_expressions(value: Any) -> None:
    """DefinitionError unless every expression anywhere in the value is well-formed."""
    if is_expression(value):
        check_function(value)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            check_expressions(item)


def coerced(value: Any, shape: Any) -> Any:
    """The resolved arguments with numbers and booleans as strings wherever the API's type is string."""
    if shape.type_name == "structure" and isinstance(value, dict):
        members = shape.members
        return {k: coerced(v, members[k]) if k in members else v for k, v in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [coerced(item, shape.member) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {k: coerced(v, shape.value) for k, v in value.items()}
    if shape.type_name == "string" and isinstance(value, bool | int | float):
        return as_text(value)
    return value


def check_property(path: Path, shape: Any, *, reference: str) -> None:
    """DefinitionError unless the path leads to something that a Describe answer of this shape can hold."""
    current = shape
    for depth, segment in enumerate(path):
        found = None
        if current.type_name == "structure" and isinstance(segment, str):
            found = current.members.get(segment)
        elif current.type_name == "list" and isinstance(segment, int | Key):
            found = current.member
        elif current.type_name == "map" and isinstance(segment, str | Key):
            found = current.value
        if found is None:
            raise DefinitionError(
                f"Invalid property reference '{reference}':"
                f" there is no '{path_text(path[: depth + 1])}' in {shape.name}."
            )
        current = found
