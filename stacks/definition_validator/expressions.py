"""Gives every expression of a definition a type, and its value where that is known before the run.

`Get`, `Std:Join` and `Std:JsonGet` are the language's functions. A property of a step is typed by walking
the response its API describes, so a wrong path is found here and not in the middle of a run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stacks.definition_validator.document import Definition, Step, items
from stacks.definition_validator.properties import resolve_property
from stacks.definition_validator.resolved import ANY, Known, Resolved
from stacks.definition_validator.violation import NOTHING, Place, Report, choices

FUNCTIONS = ("Get", "Std:Join", "Std:JsonGet")

# Values as AWS makes them: with them the pattern of a joined text can be checked before the run.
EXECUTION = {
    "PipelineName": "pipeline",
    "PipelineArn": "arn:aws:sagemaker:us-east-1:000000000000:pipeline/pipeline",
    "PipelineExecutionId": "abcdefghijkl",
    "PipelineExecutionArn": "arn:aws:sagemaker:us-east-1:000000000000:pipeline/pipeline/execution/abcdefghijkl",
    "StartDateTime": "2020-12-01T00:00:00Z",
    "CurrentDateTime": "2020-12-01T00:00:00Z",
    "TrainingJobName": "pipelines-abcdefghijkl-Step-abcdefghij",
    "ProcessingJobName": "pipelines-abcdefghijkl-Step-abcdefghij",
}
_KINDS = {"String": "string", "Integer": "integer", "Float": "float", "Boolean": "boolean"}
_STEP = re.compile(r"Steps\.([A-Za-z0-9_-]+)(.*)", re.DOTALL)
_PROPERTY_FILE = re.compile(r"Steps\.([A-Za-z0-9_-]+)\.PropertyFiles\.(.+)", re.DOTALL)


def is_expression(value: Any) -> bool:
    """Whether an object calls a function; one with a misspelt `Std:` function counts, to be reported."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    (name,) = value
    return name in FUNCTIONS or name.startswith("Std:")


@dataclass
class Resolver:
    """Resolves each expression once and remembers the result by its place; collects who refers to whom."""

    definition: Definition
    report: Report
    references: dict[str, set[str]] = field(default_factory=dict)
    _results: dict[Place, Resolved | None] = field(default_factory=dict)

    def resolve_all(self) -> None:
        for step in self.definition.steps:
            self._walk(step.body, step.place, skip=step.nested_keys())

    def result(self, place: Place) -> Resolved | None:
        """What the expression at a place stands for; None if it is wrong, which has been reported then."""
        return self._results.get(place)

    def _walk(self, value: Any, place: Place, *, skip: tuple[str, ...] = ()) -> None:
        if is_expression(value):
            self._results[place] = self._resolve(value, place)
        elif isinstance(value, dict):
            for name, child in value.items():
                if name == "Arguments" and skip and isinstance(child, dict):
                    child = {key: part for key, part in child.items() if key not in skip}
                self._walk(child, place.member(name))
        elif isinstance(value, list):
            for position, child in enumerate(value):
                self._walk(child, place.index(position))

    def _resolve(self, expression: Mapping[str, Any], place: Place) -> Resolved | None:
        ((function, argument),) = expression.items()
        if function == "Get":
            return self._get(argument, place)
        if function == "Std:Join":
            return self._join(argument, place)
        if function == "Std:JsonGet":
            return self._json_get(argument, place)
        self.report.add(place, "calls an unknown function", value=function, allowed=choices(function, FUNCTIONS))
        return None

    def _get(self, path: Any, place: Place) -> Resolved | None:
        if not isinstance(path, str):
            self.report.add(place, "Get needs a path as text", value=path)
            return None
        root, _, rest = path.partition(".")
        if root == "Parameters":
            return self._parameter(rest, path, place)
        if root == "Execution":
            if rest in EXECUTION:
                return Resolved("string", source=path, example=EXECUTION[rest])
            self.report.add(place, "names an unknown execution variable", value=path, allowed=choices(rest, EXECUTION))
            return None
        if root == "Steps":
            return self._property(path, place)
        if root in ("ForEach", "IterationOutput"):
            return ANY
        allowed = "Parameters.<name>, Execution.<variable>, Steps.<step>.<property>"
        self.report.add(place, "gets from an unknown place", value=path, allowed=allowed)
        return None

    def _parameter(self, name: str, path: str, place: Place) -> Resolved | None:
        parameter = self.definition.parameters.get(name)
        if parameter is None:
            allowed = choices(name, self.definition.parameters)
            self.report.add(
                place, "names an undeclared parameter", value=path, allowed=allowed, advice="declare it or correct it"
            )
            return None
        if not parameter.type:
            return None
        values = tuple(Known(value, f"an EnumValue of parameter {name}") for value in parameter.allowed)
        if parameter.default is not NOTHING:
            values = (Known(parameter.default, f"the default of parameter {name}"), *values)
        return Resolved(_KINDS[parameter.type], source=path, values=values)

    def _property(self, path: str, place: Place) -> Resolved | None:
        match = _STEP.fullmatch(path)
        step = self._step(match.group(1), path, place) if match else None
        if match is None:
            self.report.add(place, "is no property path", value=path, allowed="Steps.<step>.<property>")
        if match is None or step is None:
            return None
        return resolve_property(step, match.group(2), path, place, self.report)

    def _step(self, name: str, path: str, place: Place) -> Step | None:
        step = self.definition.by_name.get(name)
        if step is None:
            allowed = choices(name, self.definition.by_name)
            self.report.add(place, "refers to an unknown step", value=path, allowed=allowed)
            return None
        self.references.setdefault(place.step, set()).add(name)
        return step

    def _join(self, argument: Any, place: Place) -> Resolved | None:
        if not isinstance(argument, dict) or not isinstance(argument.get("Values"), list):
            self.report.add(place, "Std:Join needs On and a list of Values", value=argument)
            return None
        separator = argument.get("On", "")
        if not isinstance(separator, str):
            self.report.add(place, "Std:Join has no text as On", value=separator)
            return None
        for name in argument.keys() - {"On", "Values"}:
            self.report.add(place, "Std:Join has an unknown member", value=name, allowed="On, Values")
        here = place.member("Std:Join").member("Values")
        parts = list(self._joined(argument["Values"], here))
        return _join_texts(separator, [part for part in parts if part]) if all(parts) else None

    def _joined(self, values: list[Any], place: Place) -> Iterator[Resolved | None]:
        for position, value in enumerate(values):
            here = place.index(position)
            if is_expression(value):
                part = self._resolve(value, here)
            elif isinstance(value, (str, int, float)):
                part = Resolved("string", values=(Known(value),))
            else:
                part = Resolved("list")
            if part is not None and not part.scalar:
                self.report.add(here, "cannot be joined to a text", value=value, allowed="text, number or boolean")
                part = None
            yield part

    def _json_get(self, argument: Any, place: Place) -> Resolved | None:
        if not isinstance(argument, dict) or not isinstance(argument.get("Path"), str) or not argument["Path"]:
            self.report.add(place, "Std:JsonGet needs PropertyFile and a Path", value=argument)
            return None
        if "S3Uri" in argument:
            self._walk(argument["S3Uri"], place.member("Std:JsonGet").member("S3Uri"))
            return ANY
        file = argument.get("PropertyFile")
        path = file.get("Get") if isinstance(file, dict) else None
        match = _PROPERTY_FILE.fullmatch(path) if isinstance(path, str) else None
        if match is None:
            allowed = "{'Get': 'Steps.<step>.PropertyFiles.<name>'}"
            self.report.add(place, "Std:JsonGet names no property file", value=file, allowed=allowed)
            return None
        step = self._step(match.group(1), str(path), place)
        if step is None:
            return None
        return self._declared(step, match.group(2), str(path), place)

    def _declared(self, step: Step, file: str, path: str, place: Place) -> Resolved | None:
        files = [item.get("PropertyFileName") for item in items(step.body, "PropertyFiles")]
        if file in files:
            return ANY
        allowed = choices(file, [name for name in files if isinstance(name, str)])
        advice = f"declare it in PropertyFiles of step {step.name}"
        self.report.add(place, "names an undeclared property file", value=path, allowed=allowed, advice=advice)
        return None


def _join_texts(separator: str, parts: list[Resolved]) -> Resolved:
    known = [part.text for part in parts]
    length = sum(len(text) for text in known if text is not None) + len(separator) * max(len(parts) - 1, 0)
    if all(part.values for part in parts):
        origins = ", ".join(dict.fromkeys(part.values[0].origin for part in parts if part.values[0].origin))
        text = separator.join(text or "" for text in known)
        return Resolved("string", values=(Known(text, f"with {origins}" if origins else ""),))
    examples = [text if text is not None else part.example for text, part in zip(known, parts, strict=True)]
    example = separator.join(map(str, examples)) if None not in examples else None
    return Resolved("string", example=example, least_length=length)
