"""AWS's own resource schemas (folder `schemas/`): which properties exist, which force a replacement.

`import_schemas.py` copies them from cfn-lint when a type is added. Used by the planner and before every
create or update, so that a misspelt property fails here as it does on AWS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from millrace.local.cloudformation.conditions import comparable
from millrace.local.cloudformation.intrinsics import UNKNOWN

FOLDER = Path(__file__).parent / "schemas"
LONGEST_MATCHED = 2048  # some of AWS's patterns backtrack without end on long text


def file_name(type_: str) -> str:
    return type_.replace("::", "-") + ".json"


@dataclass(frozen=True)
class Schema:
    """The schema of one resource type."""

    type: str
    document: Mapping[str, Any]

    def problems(self, properties: Mapping[str, Any]) -> list[str]:
        """Every violation as `#/Path: sentence`, in the words of CloudFormation."""
        return list(_problems(self.document, properties, "#", self.document))

    def replacing(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
        """The changed properties that cannot be changed in place."""
        fixed = self.document.get("createOnlyProperties", []) + self.document.get("conditionalCreateOnlyProperties", [])
        paths = [pointer.removeprefix("/properties/").split("/") for pointer in fixed]
        changed = [path for path in paths if comparable(_at(old, path)) != comparable(_at(new, path))]
        return sorted({path[0] for path in changed})


@lru_cache
def schema_of(type_: str) -> Schema:
    """The schema of a type; one without a file (custom resources) allows everything."""
    path = FOLDER / file_name(type_)
    return Schema(type_, json.loads(path.read_text()) if path.is_file() else {})


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Top-level properties whose values differ."""
    names = [*new, *(name for name in old if name not in new)]
    return [name for name in names if comparable(old.get(name)) != comparable(new.get(name))]


def _at(value: Any, path: list[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _problems(schema: Mapping[str, Any], value: Any, path: str, root: Mapping[str, Any]) -> Iterator[str]:
    if value is UNKNOWN or _is_dynamic(value):
        return
    schema = _follow(schema, root)
    wrong = _wrong_type(schema.get("type"), value)
    if wrong:
        yield f"{path}: expected type: {wrong}, found: {type(value).__name__}"
        return
    if isinstance(value, Mapping):
        yield from _object(schema, value, path, root)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _problems(schema.get("items", {}), item, f"{path}/{index}", root)
        yield from _size(schema, len(value), path, "Items", "item count")
    else:
        yield from _scalar(schema, value, path)
    yield from _alternatives(schema, value, path, root)


def _is_dynamic(value: Any) -> bool:
    return isinstance(value, str) and "{{resolve:" in value


def _follow(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        target: Any = root
        for name in schema["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        schema = target
    return schema


def _wrong_type(kind: Any, value: Any) -> str | None:
    """CloudFormation converts between scalars, and an object may be given as its JSON text."""
    kinds = [kind] if isinstance(kind, str) else list(kind or [])
    if not kinds:
        return None
    if isinstance(value, Mapping):
        fits = "object" in kinds or "string" in kinds
    elif isinstance(value, list):
        fits = "array" in kinds
    else:
        fits = any(_scalar_fits(one, value) for one in kinds)
    return None if fits else " or ".join(kinds)


def _scalar_fits(kind: str, value: Any) -> bool:
    text = str(value)
    match kind:
        case "boolean":
            return text.lower() in ("true", "false")
        case "integer":
            return re.fullmatch(r"-?\d+(\.0+)?", text) is not None
        case "number":
            return re.fullmatch(r"-?\d*\.?\d+([eE][-+]?\d+)?", text) is not None
        case "object":
            return isinstance(value, str) and value.lstrip().startswith("{")
    return kind == "string"


def _object(schema: Mapping[str, Any], value: Mapping[str, Any], path: str, root: Mapping[str, Any]) -> Iterator[str]:
    declared = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    branches = [option for name in ("oneOf", "anyOf", "allOf") for option in schema.get(name, [])]
    elsewhere = {key for option in branches for key in _follow(option, root).get("properties", {})}
    for key, item in value.items():
        if key in declared:
            yield from _problems(declared[key], item, f"{path}/{key}", root)
        elif any(_matches(pattern, key) for pattern in patterns) or key in elsewhere:
            continue
        elif schema.get("additionalProperties") is False and (declared or patterns or elsewhere):
            yield f"{path}: extraneous key [{key}] is not permitted"
    for key in schema.get("required", []):
        if key not in value:
            yield f"{path}: required key [{key}] not found"


def _scalar(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
    allowed = schema.get("enum")
    if allowed and str(value) not in {str(item) for item in allowed}:
        yield f"{path}: #: {value} is not a valid enum value; allowed: {', '.join(map(str, allowed))}"
    if schema.get("type") in ("integer", "number"):
        yield from _size(schema, float(value), path, "imum", "value")
    elif schema.get("type") == "string":
        yield from _size(schema, len(str(value)), path, "Length", "length")
    pattern = schema.get("pattern")
    if not pattern or schema.get("type") != "string" or len(str(value)) > LONGEST_MATCHED:
        return
    if not _matches(pattern, str(value)):
        yield f"{path}: failed validation constraint for keyword [pattern]: {value!r} does not match {pattern}"


def _size(schema: Mapping[str, Any], size: float, path: str, keyword: str, what: str) -> Iterator[str]:
    least, most = schema.get(f"min{keyword}"), schema.get(f"max{keyword}")
    if least is not None and size < least:
        yield f"{path}: {what} {size:g} is less than the minimum of {least:g}"
    if most is not None and size > most:
        yield f"{path}: {what} {size:g} is more than the maximum of {most:g}"


def _matches(pattern: str, text: str) -> bool:
    return not _compiles(pattern) or re.search(pattern, text) is not None


@lru_cache
def _compiles(pattern: str) -> bool:
    """Some of AWS's patterns are Java's or ECMA's and mean nothing to Python."""
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _alternatives(schema: Mapping[str, Any], value: Any, path: str, root: Mapping[str, Any]) -> Iterator[str]:
    for keyword in ("oneOf", "anyOf"):
        options = schema.get(keyword)
        if not options:
            continue
        findings = [list(_problems(option, value, path, root)) for option in options]
        if all(findings):
            yield min(findings, key=len)[0]
    for option in schema.get("allOf", []):
        yield from _problems(option, value, path, root)
