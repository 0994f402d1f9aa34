"""Types a property path such as `Steps.Train.ModelArtifacts.S3ModelArtifacts` by the shapes AWS describes."""

from __future__ import annotations

import re
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from stacks.definition_validator.document import Step, items
from stacks.definition_validator.resolved import ANY, Resolved
from stacks.definition_validator.service_model import described, members
from stacks.definition_validator.violation import Place, Report, choices

_TOKEN = re.compile(r"\.(?P<member>[A-Za-z0-9_-]+)|\[(?P<index>\d{1,9})\]|\['(?P<key>[^']*)'\]")
_OUTPUT_KINDS = {"String": "string", "Integer": "integer", "Float": "float", "Boolean": "boolean"}

# Lists whose items are addressed by name: the arguments that declare the names.
_NAMED = {
    "ProcessingOutputs": (("ProcessingOutputConfig", "Outputs"), "OutputName"),
    "ProcessingInputs": (("ProcessingInputs",), "InputName"),
    "InputDataConfig": (("InputDataConfig",), "ChannelName"),
}
_EXAMPLES = {"S3Uri": "s3://bucket/prefix", "Url": "s3://bucket/prefix"}


def resolve_property(step: Step, rest: str, path: str, place: Place, report: Report) -> Resolved | None:
    """The type of `rest` of a path below a step, or None after reporting why there is no such property."""
    tokens = [match.groupdict() for match in _TOKEN.finditer(rest)]
    if not tokens or "".join(match.group(0) for match in _TOKEN.finditer(rest)) != rest:
        report.add(place, "is no property path", value=path, allowed="Steps.<step>.<Member>, [0] and ['name'] in it")
        return None
    if step.type in ("Lambda", "Callback"):
        return _output_parameter(step, tokens, path, place, report)
    if step.type == "Fail":
        report.add(place, f"refers to step {step.name}, which ends the run and has no properties", value=path)
        return None
    shapes = list(described(step.type))
    if not shapes:
        return ANY
    first = tokens[0]["member"]
    shape = next((one for one in shapes if first in members(one)), shapes[0])
    return _walk(step, shape, tokens, path, place, report)


def _walk(
    step: Step, shape: Shape, tokens: list[dict[str, Any]], path: str, place: Place, report: Report
) -> Resolved | None:
    for token in tokens:
        below, allowed = _below(step, shape, token)
        if below is None:
            name = next(value for value in token.values() if value is not None)
            report.add(
                place,
                f"asks step {step.name} ({step.type}) for {name!r}, which is not there",
                value=path,
                allowed=allowed,
                advice="correct the property path",
            )
            return None
        shape = below
    return Resolved(shape.type_name, source=path, example=_EXAMPLES.get(shape.name))


def _below(step: Step, shape: Shape, token: dict[str, Any]) -> tuple[Shape | None, str]:
    """The shape one token further down; without one, what would have been allowed."""
    if isinstance(shape, StructureShape):
        found = members(shape)
        return found.get(token["member"] or ""), choices(token["member"], found)
    if isinstance(shape, MapShape):
        return (shape.value if token["key"] is not None else None), "['<key>']"
    if isinstance(shape, ListShape):
        return _item(step, shape, token)
    return None, f"nothing: it is a {shape.type_name}"


def _item(step: Step, shape: ListShape, token: dict[str, Any]) -> tuple[Shape | None, str]:
    if token["index"] is not None:
        return shape.member, ""
    if token["key"] is None or shape.name not in _NAMED:
        return None, "[<index>]" if shape.name not in _NAMED else "['<name>'] or [<index>]"
    if step.type not in ("Processing", "Training"):
        return shape.member, ""
    where, key = _NAMED[shape.name]
    declared = step.names(*where, key=key)
    return (shape.member if token["key"] in declared else None), choices(token["key"], declared)


def _output_parameter(
    step: Step, tokens: list[dict[str, Any]], path: str, place: Place, report: Report
) -> Resolved | None:
    listed = items(step.body, "OutputParameters")
    outputs = {item["OutputName"]: item.get("OutputType") for item in listed if isinstance(item.get("OutputName"), str)}
    if len(tokens) == 2 and tokens[0]["member"] == "OutputParameters" and tokens[1]["key"] in outputs:
        kind = outputs[tokens[1]["key"]]
        return Resolved(_OUTPUT_KINDS.get(kind, "any") if isinstance(kind, str) else "any", source=path)
    allowed = f"OutputParameters['<name>'] with {choices(path.rsplit('.')[-1], outputs)}"
    report.add(place, f"names no output of step {step.name}", value=path, allowed=allowed)
    return None
