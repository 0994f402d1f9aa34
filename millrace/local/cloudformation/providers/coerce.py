"""Brings a template's properties into the shape that an API operation takes, by botocore's model of it.

Names are matched without regard to case, scalars converted, policy documents written as JSON, tag lists
and tag maps turned into each other. Whatever has no place in the API's input is an error that names it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from millrace.local.cloudformation.errors import ResourceError


class NoSuchMember(ResourceError):
    """A property that the operation does not take."""


def input_shape(client: Any, method: str) -> Any:
    """The input shape of a client's method, such as `create_topic`."""
    operation = client.meta.method_to_api_mapping[method]
    return client.meta.service_model.operation_model(operation).input_shape


def member_of(shape: Any, name: str) -> str | None:
    """The shape's member called `name` whatever its case, or None."""
    if name in shape.members:
        return name
    wanted = name.lower()
    return next((member for member in shape.members if member.lower() == wanted), None)


def call_input(client: Any, method: str, values: Mapping[str, Any], *, only_known: bool = False) -> dict[str, Any]:
    """Keyword arguments for the client's method; with `only_known` other values are left out."""
    shape = input_shape(client, method)
    if only_known:
        values = {name: value for name, value in values.items() if member_of(shape, name)}
    return dict(coerce(values, shape, method))


def coerce(value: Any, shape: Any, path: str) -> Any:
    """The value as the shape wants it."""
    match shape.type_name:
        case "structure":
            return _structure(value, shape, path)
        case "list":
            return _list(value, shape, path)
        case "map":
            return _map(value, shape, path)
        case "string":
            return _string(value)
        case "boolean":
            return value if isinstance(value, bool) else _boolean(value, path)
        case "integer" | "long":
            return _number(value, int, path)
        case "float" | "double":
            return _number(value, float, path)
        case "blob":
            return value if isinstance(value, bytes) else str(value).encode()
    return value


def _structure(value: Any, shape: Any, path: str) -> Any:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = json.loads(value)
    if not isinstance(value, Mapping):
        raise ResourceError(f"{path} must be an object, not {value!r}")
    if getattr(shape, "is_document_type", False):
        return value
    result = {}
    for name, item in value.items():
        member = member_of(shape, name)
        if member is None:
            raise NoSuchMember(
                f"property {name} of {path} is not supported by the embedded AWS; "
                f"supported: {', '.join(sorted(shape.members))}"
            )
        result[member] = coerce(item, shape.members[member], f"{path}.{name}")
    return result


def _list(value: Any, shape: Any, path: str) -> list[Any]:
    if isinstance(value, Mapping):
        value = [{"Key": key, "Value": item} for key, item in value.items()]
    items = value if isinstance(value, list) else [value]
    if shape.member.type_name == "structure" and member_of(shape.member, "TagKey"):
        items = [_kms_tag(item) for item in items]
    return [coerce(item, shape.member, f"{path}[{index}]") for index, item in enumerate(items)]


def _kms_tag(item: Any) -> Any:
    return {"TagKey": item["Key"], "TagValue": item["Value"]} if "Key" in item else item


def _map(value: Any, shape: Any, path: str) -> dict[str, Any]:
    if isinstance(value, list):
        value = {entry["Key"]: entry["Value"] for entry in value}
    if isinstance(value, str):
        value = json.loads(value)
    return {str(key): coerce(item, shape.value, f"{path}.{key}") for key, item in value.items()}


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _boolean(value: Any, path: str) -> bool:
    if str(value).lower() not in ("true", "false"):
        raise ResourceError(f"{path} must be true or false, not {value!r}")
    return str(value).lower() == "true"


def _number(value: Any, kind: type[int] | type[float], path: str) -> int | float:
    try:
        return kind(value)
    except (TypeError, ValueError):
        raise ResourceError(f"{path} must be a number, not {value!r}") from None
