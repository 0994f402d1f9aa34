"""A pipeline definition as frozen records: parsed from the JSON that Create- and UpdatePipeline get.

What a single step may hold is its type's business (`steps/`); what holds between steps is checked by `graph`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from millrace.local.sagemaker.pipelines.cache import CacheConfig, parse_cache_config
from millrace.local.sagemaker.pipelines.conditions import Condition, parse_conditions
from millrace.local.sagemaker.pipelines.errors import DefinitionError
from millrace.local.sagemaker.pipelines.parameters import Parameter, parse_parameter
from millrace.local.sagemaker.pipelines.references import STEP_NAME
from millrace.local.sagemaker.pipelines.retries import RetryPolicy, parse_retry_policy

VERSION = "2020-12-01"
CHARACTERS = 1_048_576
MOST_PARAMETERS = 200
MOST_STEPS = 50
OUTPUT_TYPES = ("String", "Integer", "Float", "Boolean")
_MEMBERS = {"Version", "Metadata", "Parameters", "PipelineExperimentConfig", "MlflowConfig", "Steps"}
_STEP_MEMBERS = {
    "Name", "Type", "Arguments", "DependsOn", "DisplayName", "Description", "PropertyFiles", "CacheConfig",
    "RetryPolicies", "FunctionArn", "SqsQueueUrl", "OutputParameters",
}  # fmt: skip


@dataclass(frozen=True)
class PropertyFile:
    """A JSON file in one of a processing step's outputs that expressions may read."""

    name: str
    output: str
    path: str


@dataclass(frozen=True)
class Branch:
    """Where a step lies inside a condition: it runs only when `condition` has this outcome."""

    condition: str
    outcome: bool


@dataclass(frozen=True)
class Step:
    """One step. `arguments` is raw JSON with expressions; a Condition's branches are steps of their own."""

    name: str
    type: str
    arguments: Mapping[str, Any]
    depends_on: tuple[str, ...] = ()
    branch: Branch | None = None
    conditions: tuple[Condition, ...] = ()
    property_files: tuple[PropertyFile, ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()
    retry_policies: tuple[RetryPolicy, ...] = ()
    cache: CacheConfig | None = None
    function_arn: Any = None
    queue_url: Any = None
    display_name: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class Definition:
    """A whole pipeline; `steps` holds the steps within conditions too, in the order they are written."""

    parameters: tuple[Parameter, ...]
    steps: tuple[Step, ...]

    def step(self, name: str) -> Step | None:
        return next((step for step in self.steps if step.name == name), None)


def parse_definition(text: str) -> Definition:
    """The records of a definition; DefinitionError names the first rule that it breaks."""
    if len(text) > CHARACTERS:
        raise DefinitionError(f"The definition has {len(text)} characters; {CHARACTERS} are allowed.")
    try:
        raw = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DefinitionError(f"It is not valid JSON: {error}.") from error
    raw = _object(raw)
    _known(raw, _MEMBERS, "Unknown property")
    if raw.get("Version") != VERSION:
        raise DefinitionError(f"Unknown version {raw.get('Version')!r}: it must be '{VERSION}'.")
    parameters = tuple(parse_parameter(item) for item in _array(raw.get("Parameters", [])))
    steps = tuple(_steps(_array(raw.get("Steps")), branch=None))
    _at_most("parameters", parameters, MOST_PARAMETERS)
    _at_most("steps", steps, MOST_STEPS)
    return Definition(parameters, steps)


def _at_most(what: str, records: tuple[Parameter, ...] | tuple[Step, ...], most: int) -> None:
    if len(records) > most:
        raise DefinitionError(f"It has {len(records)} {what}; {most} are allowed.")
    seen: set[str] = set()
    for record in records:
        if record.name in seen:
            raise DefinitionError(f"Duplicate names: there are several {what} named '{record.name}'.")
        seen.add(record.name)


def _steps(raw: list[Any], *, branch: Branch | None) -> Iterator[Step]:
    for item in raw:
        step = _step(_object(item), branch)
        yield step
        if step.type == "Condition":
            arguments = item["Arguments"]
            yield from _steps(_array(arguments.get("IfSteps", [])), branch=Branch(step.name, True))
            yield from _steps(_array(arguments.get("ElseSteps", [])), branch=Branch(step.name, False))


def _step(raw: dict[str, Any], branch: Branch | None) -> Step:
    name, kind = raw.get("Name"), raw.get("Type")
    if not isinstance(name, str) or not re.fullmatch(STEP_NAME, name):
        raise DefinitionError(f"Invalid step name {name!r}: 1 to 64 letters, digits, - and _ are allowed.")
    if not isinstance(kind, str):
        raise DefinitionError(f"Step '{name}' has no Type.")
    _known(raw, _STEP_MEMBERS, f"Unknown property in step '{name}':")
    arguments = _object(raw.get("Arguments", {}))
    conditions: tuple[Condition, ...] = ()
    if kind == "Condition":
        _known(arguments, {"Conditions", "IfSteps", "ElseSteps"}, "Unknown Argument member")
        conditions = parse_conditions(arguments.get("Conditions"))
        arguments = {"Conditions": arguments["Conditions"]}
    return Step(
        name=name,
        type=kind,
        arguments=arguments,
        depends_on=tuple(_strings(raw.get("DependsOn") or [])),
        branch=branch,
        conditions=conditions,
        property_files=tuple(_property_file(_object(item)) for item in _array(raw.get("PropertyFiles") or [])),
        outputs=tuple(_output(_object(item)) for item in _array(raw.get("OutputParameters") or [])),
        retry_policies=tuple(parse_retry_policy(_object(item)) for item in _array(raw.get("RetryPolicies") or [])),
        cache=parse_cache_config(raw["CacheConfig"], step=name, kind=kind) if raw.get("CacheConfig") else None,
        function_arn=raw.get("FunctionArn"),
        queue_url=raw.get("SqsQueueUrl"),
        display_name=raw.get("DisplayName"),
        description=raw.get("Description"),
    )


def _property_file(raw: dict[str, Any]) -> PropertyFile:
    _known(raw, {"PropertyFileName", "OutputName", "FilePath"}, "Unknown property")
    name, output, path = (raw.get(key) for key in ("PropertyFileName", "OutputName", "FilePath"))
    if not (isinstance(name, str) and isinstance(output, str) and isinstance(path, str)):
        raise DefinitionError("A property file needs PropertyFileName, OutputName and FilePath as strings.")
    return PropertyFile(name, output, path)


def _output(raw: dict[str, Any]) -> tuple[str, str]:
    name, kind = raw.get("OutputName"), raw.get("OutputType")
    if not isinstance(name, str) or kind not in OUTPUT_TYPES:
        raise DefinitionError(
            f"Invalid output parameter {raw!r}: it needs OutputName and OutputType, one of {', '.join(OUTPUT_TYPES)}."
        )
    return name, kind


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DefinitionError("Expecting start of Json Object.")
    return value


def _array(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise DefinitionError("Expecting start of Json Array.")
    return value


def _strings(value: Any) -> list[str]:
    for item in _array(value):
        if not isinstance(item, str):
            raise DefinitionError(f"DependsOn expects step names, found {item!r}.")
    return list(value)


def _known(raw: Mapping[str, Any], members: set[str], complaint: str) -> None:
    unknown = sorted(set(raw) - members)
    if unknown:
        raise DefinitionError(f"{complaint} '{unknown[0]}'.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise DefinitionError(f"Duplicate field '{next(n for n in names if names.count(n) > 1)}'.")
    return found


def _no_constant(text: str) -> NoReturn:
    raise DefinitionError(f"It is not valid JSON: {text} is no JSON number.")
