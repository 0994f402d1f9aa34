"""What a rule's target receives: the event, a part of it, a constant, or a filled-in template.

Pure; called for every delivery of the bus.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

STEP = re.compile(r"\.(?P<key>[\w\-/: ]+)|\.?(?P<all>\*)|\[(?P<index>\d+|\*)\]|\[['\"](?P<quoted>[^'\"]+)['\"]\]")
PLACEHOLDER = re.compile(r"<([\w.\-]+)>")
MISSING: Any = object()


@dataclass(frozen=True)
class Origin:
    """What the reserved variables of a template stand for."""

    rule_arn: str
    rule_name: str
    ingestion_time: str


def target_input(target: Mapping[str, Any], event: dict[str, Any], origin: Origin) -> str:
    """The text that the target receives for an event."""
    if target.get("Input") is not None:
        return str(target["Input"])
    if target.get("InputPath"):
        value = find(event, target["InputPath"])
        return json.dumps(None if value is MISSING else value)
    transformer = target.get("InputTransformer")
    if transformer:
        paths = transformer.get("InputPathsMap") or {}
        return fill(transformer["InputTemplate"], paths, event, origin)
    return json.dumps(event)


def find(event: Any, path: str) -> Any:
    """The value at a JSON path such as `$.detail.object.key`, or MISSING."""
    if not path.startswith("$"):
        return MISSING
    position, values, many = 1, [event], False
    while position < len(path):
        step = STEP.match(path, position)
        if step is None:
            return MISSING
        position = step.end()
        if step["all"] or step["index"] == "*":
            many, values = True, [item for value in values for item in _items(value)]
        else:
            values = [found for value in values if (found := _member(value, step)) is not MISSING]
    if many:
        return values
    return values[0] if values else MISSING


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _member(value: Any, step: re.Match[str]) -> Any:
    if step["index"] is not None:
        index = int(step["index"])
        return value[index] if isinstance(value, list) and index < len(value) else MISSING
    key = step["key"] or step["quoted"]
    return value.get(key, MISSING) if isinstance(value, dict) else MISSING


def fill(template: str, paths: Mapping[str, str], event: dict[str, Any], origin: Origin) -> str:
    """A template with its `<variables>` replaced: bare they become JSON, inside quotes plain text."""
    variables: dict[str, Any] = {name: find(event, path) for name, path in paths.items()}
    variables.update(
        {
            "aws.events.rule-arn": origin.rule_arn,
            "aws.events.rule-name": origin.rule_name,
            "aws.events.event.ingestion-time": origin.ingestion_time,
            "aws.events.event": {key: value for key, value in event.items() if key != "detail"},
            "aws.events.event.json": event,
        }
    )
    return "".join(_filled(template, variables))


def _filled(template: str, variables: Mapping[str, Any]) -> Iterator[str]:
    position, quoted = 0, False
    for found in PLACEHOLDER.finditer(template):
        if found[1] not in variables:
            continue
        text = template[position : found.start()]
        quoted ^= len(re.findall(r'(?<!\\)"', text)) % 2 == 1
        yield text
        value = variables[found[1]]
        yield _plain(value) if quoted else _json(value)
        position = found.end()
    yield template[position:]


def _json(value: Any) -> str:
    return '""' if value is MISSING else json.dumps(value)


def _plain(value: Any) -> str:
    """Text inside a quoted part; EventBridge drops the quotes of objects there and escapes nothing."""
    if value is MISSING:
        return ""
    return value if isinstance(value, str) else json.dumps(value).replace('"', "")
