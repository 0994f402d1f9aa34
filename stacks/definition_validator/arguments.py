"""Walks a step's arguments with the request shape of the API the step becomes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from stacks.definition_validator.document import Step
from stacks.definition_validator.expressions import Resolver, is_expression
from stacks.definition_validator.resolved import Known, Resolved, fits_shape
from stacks.definition_validator.service_model import APIS, Alternatives, Api, members, structure
from stacks.definition_validator.values import check_length, check_scalar, is_scalar, type_text
from stacks.definition_validator.violation import Place, Report, choices

_ADVICE_STRING = "make it a text with to_string()"


def check_arguments(step: Step, resolver: Resolver, report: Report) -> None:
    """Report what the API of the step's type would refuse; types without an API have rules of their own."""
    api = APIS.get(step.type)
    if api:
        _Walk(api, resolver, report).check(step)


@dataclass(frozen=True)
class _Walk:
    api: Api
    resolver: Resolver
    report: Report

    def check(self, step: Step) -> None:
        place = step.place.member("Arguments")
        shape = structure(self.api.request)
        if not isinstance(step.arguments, dict) or is_expression(step.arguments):
            self.report.add(place, "is not an object", value=step.arguments, allowed=self.api.request)
            return
        self._structure(step.arguments, shape, place)
        for need in self.api.needs:
            for value, here in _at(step.arguments, place, need.at):
                self._need(value, need, here)

    def _value(self, value: Any, shape: Shape, place: Place) -> None:
        if is_expression(value):
            self._expression(shape, place)
        elif is_scalar(shape):
            check_scalar(Known(value), shape, place, self.report)
        elif isinstance(shape, StructureShape):
            self._structure(value, shape, place)
        elif isinstance(shape, ListShape):
            self._list(value, shape, place)
        elif isinstance(shape, MapShape):
            self._map(value, shape, place)

    def _structure(self, value: Any, shape: StructureShape, place: Place) -> None:
        if not isinstance(value, dict):
            self.report.add(place, f"is not an object of the form {shape.name}", value=value)
            return
        known = members(shape)
        for name in shape.required_members:
            if name not in value and name != self.api.named_by_pipeline:
                self.report.add(
                    place.member(name), "is missing", allowed=_kind(known[name]), advice=f"{shape.name} needs it"
                )
        for name, child in value.items():
            if name in known:
                self._value(child, known[name], place.member(name))
            else:
                allowed = choices(name, known)
                self.report.add(place.member(name), f"is unknown to {shape.name}", allowed=allowed)

    def _list(self, value: Any, shape: ListShape, place: Place) -> None:
        if not isinstance(value, list):
            self.report.add(place, "is not a list", value=value, allowed=f"a list of {shape.member.name}")
            return
        check_length(len(value), "items", shape, place, self.report)
        for position, child in enumerate(value):
            self._value(child, shape.member, place.index(position))

    def _map(self, value: Any, shape: MapShape, place: Place) -> None:
        if not isinstance(value, dict):
            self.report.add(place, "is not an object of names and values", value=value)
            return
        check_length(len(value), "entries", shape, place, self.report)
        for name, child in value.items():
            check_scalar(Known(name, "as a name"), shape.key, place, self.report)
            self._value(child, shape.value, place.member(name))

    def _expression(self, shape: Shape, place: Place) -> None:
        resolved = self.resolver.result(place)
        if resolved is None:
            return
        if not fits_shape(resolved, shape.type_name):
            source = resolved.source or "the expression"
            advice = _ADVICE_STRING if shape.type_name == "string" and resolved.scalar else ""
            self.report.add(
                place, f"is of type {resolved.kind}", value=source, allowed=type_text(shape.type_name), advice=advice
            )
        elif is_scalar(shape):
            self._known_part(resolved, shape, place)

    def _known_part(self, resolved: Resolved, shape: Shape, place: Place) -> None:
        for known in resolved.values:
            check_scalar(known, shape, place, self.report)
        if resolved.values or shape.type_name != "string":
            return
        most = shape.metadata.get("max")
        if most is not None and resolved.least_length > most:
            self.report.add(place, f"has at least {resolved.least_length} characters", allowed=f"{most} at most")
        elif resolved.example is not None and not getattr(shape, "enum", None):
            check_scalar(Known(resolved.example, "as it will look in a run"), shape, place, self.report)

    def _need(self, value: dict[str, Any], need: Alternatives, place: Place) -> None:
        if any(all(name in value for name in group) for group in need.groups):
            return
        begun = max(need.groups, key=lambda group: sum(name in value for name in group))
        for name in begun:
            if name not in value:
                self.report.add(place.member(name), "is missing", allowed=need.text)


def _at(value: Any, place: Place, path: tuple[str, ...]) -> Iterator[tuple[dict[str, Any], Place]]:
    """Every object at a path, in which * stands for each item of a list."""
    if not path:
        if isinstance(value, dict) and not is_expression(value):
            yield value, place
    elif path[0] == "*":
        for position, child in enumerate(value if isinstance(value, list) else []):
            yield from _at(child, place.index(position), path[1:])
    elif isinstance(value, dict) and path[0] in value:
        yield from _at(value[path[0]], place.member(path[0]), path[1:])


def _kind(shape: Shape) -> str:
    return type_text(shape.type_name) if is_scalar(shape) else f"a {shape.type_name} of the form {shape.name}"
