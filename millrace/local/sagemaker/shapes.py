"""Botocore's model of SageMaker, read once: what each operation's answer may hold."""

from __future__ import annotations

from functools import cache
from typing import Any

from millrace.local.models import shared_session


@cache
def model() -> Any:
    return shared_session().get_service_model("sagemaker")


@cache
def input_shape(operation: str) -> Any:
    return model().operation_model(operation).input_shape


@cache
def output_shape(operation: str) -> Any:
    return model().operation_model(operation).output_shape


@cache
def has_operation(operation: str) -> bool:
    return operation in model().operation_names


def answer(operation: str, record: dict[str, Any]) -> dict[str, Any]:
    """The record as the operation answers it."""
    trimmed: dict[str, Any] = trim(output_shape(operation), record)
    return trimmed


def trim(shape: Any, value: Any) -> Any:
    """The value without the members its shape does not have."""
    if shape.type_name == "structure" and isinstance(value, dict):
        return {
            name: trim(member, value[name]) for name, member in shape.members.items() if value.get(name) is not None
        }
    if shape.type_name == "list" and isinstance(value, (list, tuple)):
        return [trim(shape.member, item) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: trim(shape.value, item) for key, item in value.items()}
    return value


@cache
def summaries(operation: str) -> tuple[str, Any]:
    """The name and the element's shape of a List operation's list."""
    for name, member in output_shape(operation).members.items():
        if member.type_name == "list":
            return name, member.member
    raise ValueError(f"{operation} answers no list")
