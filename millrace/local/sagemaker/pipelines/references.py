"""What `{"Get": "..."}` points to: the grammar of references and property paths, without any values.

`definition` uses it to find dependencies, `expressions` to look values up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from millrace.local.sagemaker.pipelines.errors import DefinitionError

GET = "Get"
JOIN = "Std:Join"
JSON_GET = "Std:JsonGet"
FUNCTIONS = (GET, JOIN, JSON_GET)
EXECUTION_VARIABLES = (
    "PipelineName",
    "PipelineArn",
    "PipelineExecutionId",
    "PipelineExecutionArn",
    "StartDateTime",
    "CurrentDateTime",
    "TrainingJobName",
    "ProcessingJobName",
)
STEP_NAME = r"[A-Za-z0-9_\-]{1,64}"
_STEP = re.compile(rf"Steps\.({STEP_NAME})(.*)", re.DOTALL)
_PROPERTY_FILE = re.compile(r"\.PropertyFiles\.([A-Za-z0-9_\-]+)|\.PropertyFiles\['([^']+)'\]")
_SEGMENT = re.compile(r"\.?([^.\[\]'\"]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")


@dataclass(frozen=True)
class Key:
    """`['name']` in a path: the entry of a map, or the item of a list that has this name."""

    name: str


Segment = str | int | Key
Path = tuple[Segment, ...]


@dataclass(frozen=True)
class ParameterReference:
    name: str


@dataclass(frozen=True)
class ExecutionReference:
    name: str


@dataclass(frozen=True)
class StepReference:
    step: str
    path: Path


@dataclass(frozen=True)
class PropertyFileReference:
    step: str
    file: str


Reference = ParameterReference | ExecutionReference | StepReference | PropertyFileReference


def parse_reference(text: Any) -> Reference:
    """The reference written as `Parameters.X`, `Execution.V` or `Steps.S.<path>`."""
    if not isinstance(text, str):
        raise DefinitionError(f"Get expects a string, found {text!r}.")
    kind, _, rest = text.partition(".")
    if kind == "Parameters" and rest:
        return ParameterReference(rest)
    if kind == "Execution" and rest in EXECUTION_VARIABLES:
        return ExecutionReference(rest)
    if kind == "Steps" and (match := _STEP.fullmatch(text)):
        return _step_reference(match[1], match[2], text)
    if kind == "Execution":
        raise DefinitionError(f"Invalid reference '{text}': execution variables are {', '.join(EXECUTION_VARIABLES)}.")
    raise DefinitionError(
        f"Invalid reference '{text}': it must be Parameters.<name>, Execution.<variable> or Steps.<step>.<property>."
    )


def _step_reference(step: str, rest: str, text: str) -> Reference:
    if match := _PROPERTY_FILE.fullmatch(rest):
        return PropertyFileReference(step, match[1] or match[2])
    path = parse_path(rest, within=text) if rest[:1] in (".", "[") else ()
    if not path:
        raise DefinitionError(f"Invalid reference '{text}': it names no property of step '{step}'.")
    return StepReference(step, path)


def parse_path(text: str, *, within: str | None = None) -> Path:
    """`.A.B[0]['c']` as segments: members are str, indexes int, names Key."""
    segments: list[Segment] = []
    position = 0
    while position < len(text):
        match = _SEGMENT.match(text, position)
        starts_plain = match is not None and match[1] is not None and text[position] != "."
        if match is None or (starts_plain and position > 0):
            raise DefinitionError(f"Invalid property path '{within or text}' at '{text[position:]}'.")
        segments.append(_segment(match))
        position = match.end()
    return tuple(segments)


def _segment(match: re.Match[str]) -> Segment:
    if match[1] is not None:
        return match[1]
    if match[2] is not None:
        return int(match[2])
    return Key(match[3] if match[3] is not None else match[4])


def path_text(path: Path) -> str:
    """The path as a definition writes it, for messages."""
    text = ""
    for segment in path:
        if isinstance(segment, Key):
            text += f"['{segment.name}']"
        else:
            text += f"[{segment}]" if isinstance(segment, int) else f".{segment}"
    return text.removeprefix(".")


def is_expression(value: Any) -> bool:
    """Whether the value is a function of the language: an object with Get, Std:Join or Std:JsonGet alone."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in FUNCTIONS


def find_references(value: Any) -> Iterator[Reference]:
    """Every reference anywhere within a JSON value, in order."""
    if isinstance(value, list):
        for item in value:
            yield from find_references(item)
    elif isinstance(value, dict):
        if is_expression(value) and GET in value:
            yield parse_reference(value[GET])
            return
        for item in value.values():
            yield from find_references(item)
