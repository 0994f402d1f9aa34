"""Which resource needs which, and the order that follows; cycles are refused with their names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from millrace.local.cloudformation.errors import TemplateError
from millrace.local.cloudformation.template import Declaration

SUBSTITUTION = re.compile(r"\$\{(!?)([^{}]*)\}")


def references(node: Any, conditions: Mapping[str, bool] | None = None) -> Iterator[str]:
    """Every name that Ref, GetAtt or Sub mention; with `conditions` only in the branch that Fn::If takes."""
    if isinstance(node, list):
        for item in node:
            yield from references(item, conditions)
    if not isinstance(node, dict):
        return
    if len(node) == 1:
        function, argument = next(iter(node.items()))
        if function == "Fn::If" and conditions is not None and _is_if(argument, conditions):
            yield from references(argument[1 if conditions[argument[0]] else 2], conditions)
            return
        yield from _direct(function, argument)
    for value in node.values():
        yield from references(value, conditions)


def _is_if(argument: Any, conditions: Mapping[str, bool]) -> bool:
    return isinstance(argument, list) and len(argument) == 3 and argument[0] in conditions


def _direct(function: str, argument: Any) -> Iterator[str]:
    if function == "Ref" and isinstance(argument, str):
        yield argument
    elif function == "Fn::GetAtt":
        target = argument.split(".", 1)[0] if isinstance(argument, str) else (argument or [None])[0]
        if isinstance(target, str):
            yield target
    elif function == "Fn::Sub":
        text, local = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])
        for literal, name in SUBSTITUTION.findall(text):
            if not literal and name.strip() not in local:
                yield name.strip().split(".", 1)[0]


def dependencies(
    resources: Mapping[str, Declaration], conditions: Mapping[str, bool] | None = None
) -> dict[str, list[str]]:
    """Logical id -> the resources it needs, sorted; a DependsOn on a resource left out is ignored, as AWS does."""
    needs: dict[str, list[str]] = {}
    for logical, declared in resources.items():
        named = set(references(declared.properties, conditions)) | set(declared.depends_on)
        needs[logical] = sorted(named & resources.keys())
    return needs


def order(needs: Mapping[str, list[str]]) -> list[str]:
    """A list in which everything comes after what it needs, otherwise in the order given."""
    waiting = {name: set(deps) & needs.keys() for name, deps in needs.items()}
    done: list[str] = []
    while waiting:
        ready = [name for name, deps in waiting.items() if not deps]
        if not ready:
            raise TemplateError(f"Circular dependency between resources: [{', '.join(_cycle(waiting))}]")
        for name in ready:
            del waiting[name]
        for deps in waiting.values():
            deps.difference_update(ready)
        done += ready
    return done


def _cycle(waiting: Mapping[str, set[str]]) -> list[str]:
    """The members of one cycle: everything left waits, so walking forward must come back."""
    path: list[str] = []
    name = min(waiting)
    while name not in path:
        path.append(name)
        name = min(waiting[name])
    return sorted(path[path.index(name) :])


def attributes(node: Any) -> Iterator[tuple[str, str]]:
    """Every (logical id, attribute) that Fn::GetAtt or Fn::Sub asks for by a literal name."""
    if isinstance(node, list):
        for item in node:
            yield from attributes(item)
    if not isinstance(node, dict):
        return
    if len(node) == 1:
        function, argument = next(iter(node.items()))
        if function == "Fn::GetAtt":
            parts = argument.split(".", 1) if isinstance(argument, str) else argument
            if len(parts) == 2 and isinstance(parts[1], str):
                yield parts[0], parts[1]
        elif function == "Fn::Sub":
            text, local = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])
            for literal, name in SUBSTITUTION.findall(text):
                if not literal and "." in name and name.strip() not in local:
                    logical, attribute = name.strip().split(".", 1)
                    yield logical, attribute
    for value in node.values():
        yield from attributes(value)
