"""Reads a definition's text into records, reporting what has not even the right form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stacks.definition_validator.parameters import Parameter, read_parameters
from stacks.definition_validator.violation import NOTHING, Place, Report

CHARACTERS = 1_048_576
DEPTH = 100
VERSION = "2020-12-01"
TOP_LEVEL = {"Version", "Metadata", "Parameters", "PipelineExperimentConfig", "MlflowConfig", "Steps"}
NESTED_STEPS = {"Condition": ("IfSteps", "ElseSteps"), "ForEach": ("ForEachBody",)}


@dataclass(frozen=True)
class Step:
    """A step wherever it stands; `parent` is the condition whose branch holds it, and `branch` that branch."""

    name: str
    type: str
    body: Mapping[str, Any]
    parent: str
    branch: str = ""

    @property
    def arguments(self) -> Any:
        return self.body.get("Arguments", {})

    @property
    def place(self) -> Place:
        return Place(self.name)

    def waits_for(self) -> list[str]:
        """What DependsOn names, in its order; an empty text for what is no name."""
        listed = self.body.get("DependsOn")
        named = (
            [one.get("Step") if isinstance(one, dict) else one for one in listed] if isinstance(listed, list) else []
        )
        return [name if isinstance(name, str) else "" for name in named]

    def nested_keys(self) -> tuple[str, ...]:
        return NESTED_STEPS.get(self.type, ())

    def names(self, *path: str, key: str) -> list[str]:
        """The names given to the items of a list in the arguments, such as the outputs of a processing step."""
        return [item[key] for item in items(self.arguments, *path) if isinstance(item.get(key), str)]


@dataclass(frozen=True)
class Definition:
    """A definition as records; of steps with the same name the first counts."""

    parameters: Mapping[str, Parameter]
    steps: tuple[Step, ...]
    by_name: Mapping[str, Step] = field(default_factory=dict)


def items(value: Any, *path: str) -> list[Mapping[str, Any]]:
    """The objects in the list at `path`; nothing if there is no such list."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def read(text: str, report: Report) -> Definition | None:
    """The records, or None when there is nothing further to look at."""
    whole = Place("")
    if len(text) > CHARACTERS:
        report.add(whole, f"has {len(text)} characters", allowed=f"{CHARACTERS} at most", advice="split it")
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        report.add(whole, f"is not JSON: {error}")
        return None
    if _deeper_than(document, DEPTH):
        report.add(whole, "is nested too deeply", allowed=f"{DEPTH} levels at most")
        return None
    if not isinstance(document, dict):
        report.add(whole, "is not a JSON object", value=document)
        return None
    return _records(document, report)


def _records(document: Mapping[str, Any], report: Report) -> Definition:
    for name in document.keys() - TOP_LEVEL:
        report.add(Place("", name), "is unknown", allowed=", ".join(sorted(TOP_LEVEL)))
    if document.get("Version") != VERSION:
        report.add(Place("", "Version"), "is wrong", value=document.get("Version"), allowed=VERSION)
    steps = tuple(_steps(document.get("Steps", NOTHING), Place("", "Steps"), ("", ""), report))
    by_name = {step.name: step for step in reversed(steps)}
    return Definition(read_parameters(document.get("Parameters", []), report), steps, by_name)


def _steps(value: Any, place: Place, within: tuple[str, str], report: Report) -> Iterator[Step]:
    if not isinstance(value, list):
        problem = "is missing" if value is NOTHING else "is not a list of steps"
        report.add(place, problem, value=value if value is not NOTHING else NOTHING)
        return
    for position, body in enumerate(value):
        here = place.index(position)
        if not isinstance(body, dict):
            report.add(here, "is not a step", value=body, advice="write an object with Name, Type and Arguments")
            continue
        name, kind = body.get("Name"), body.get("Type")
        if not isinstance(name, str) or not name:
            report.add(here.member("Name"), "is missing or not a text", advice="give the step a name")
            continue
        step = Step(name, kind if isinstance(kind, str) else "", body, *within)
        yield step
        yield from _branches(step, report)


def _branches(step: Step, report: Report) -> Iterator[Step]:
    if isinstance(step.arguments, dict):
        for key in step.nested_keys():
            if key in step.arguments:
                place = step.place.member("Arguments").member(key)
                yield from _steps(step.arguments[key], place, (step.name, key), report)


def _deeper_than(document: Any, limit: int) -> bool:
    level = [document]
    for _ in range(limit):
        level = [child for value in level for child in _children(value)]
        if not level:
            return False
    return True


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
