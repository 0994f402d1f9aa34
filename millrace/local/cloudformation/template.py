"""Reads a template's text (JSON or YAML with CloudFormation's tags) into records; used before every plan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from millrace.local.cloudformation.errors import TemplateError

SECTIONS = {
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
}
ATTRIBUTES = {
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
    "Version",
}
POLICIES = ("Delete", "Retain", "RetainExceptOnCreate")
UNSUPPORTED = ("CreationPolicy", "UpdatePolicy")
LANGUAGE_EXTENSIONS = "AWS::LanguageExtensions"


@dataclass(frozen=True)
class Declaration:
    """One entry of the Resources section."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    depends_on: tuple[str, ...] = ()
    condition: str | None = None
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Template:
    """A template as declared: nothing is resolved yet."""

    body: str
    document: Mapping[str, Any]
    resources: Mapping[str, Declaration]

    def section(self, name: str) -> Mapping[str, Any]:
        return self.document.get(name) or {}

    @property
    def description(self) -> str | None:
        return self.document.get("Description")

    @property
    def transforms(self) -> list[str]:
        declared = self.document.get("Transform") or []
        return [declared] if isinstance(declared, str) else list(declared)


class _Loader(yaml.SafeLoader):
    """YAML without timestamps (CloudFormation reads 2012-10-17 as text) and with the short function tags."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _tagged)


def parse_template(body: str) -> Template:
    """The template of this text; TemplateError in AWS's words when it is none."""
    document = _document(body)
    unknown = sorted(str(name) for name in document if name not in SECTIONS)
    if unknown:
        raise TemplateError(f"Invalid template property or properties [{', '.join(unknown)}]")
    resources = document.get("Resources")
    if not resources or not isinstance(resources, dict):
        raise TemplateError("Template format error: At least one Resources member must be defined.")
    declared = {logical: _declaration(logical, entry) for logical, entry in resources.items()}
    template = Template(body, document, declared)
    refused = [name for name in template.transforms if name != LANGUAGE_EXTENSIONS]
    if refused:
        raise TemplateError(
            f"Transform {refused} is not supported by the embedded AWS; allowed: [{LANGUAGE_EXTENSIONS}]"
        )
    return template


def _document(body: str) -> dict[str, Any]:
    try:
        is_json = body.lstrip().startswith("{")
        document = json.loads(body) if is_json else yaml.load(body, Loader=_Loader)
    except (ValueError, yaml.YAMLError) as error:
        raise TemplateError(f"Template format error: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise TemplateError("Template format error: unsupported structure.")
    return document


def _declaration(logical_id: str, entry: Any) -> Declaration:
    if not str(logical_id).isalnum():
        raise TemplateError(f"Template format error: Resource name {logical_id} is non alphanumeric.")
    if not isinstance(entry, dict) or not isinstance(entry.get("Type"), str):
        raise TemplateError(
            f"Template format error: [/Resources/{logical_id}] Every Resources object must contain a Type member."
        )
    unknown = sorted(set(entry) - ATTRIBUTES)
    if unknown:
        raise TemplateError(f"Invalid template resource property '{unknown[0]}' in resource {logical_id}")
    for name in UNSUPPORTED:
        if name in entry:
            raise TemplateError(f"{name} of resource {logical_id} is not supported by the embedded AWS")
    depends_on = entry.get("DependsOn") or []
    return Declaration(
        logical_id=logical_id,
        type=entry["Type"],
        properties=entry.get("Properties") or {},
        depends_on=tuple([depends_on] if isinstance(depends_on, str) else depends_on),
        condition=entry.get("Condition"),
        deletion_policy=_policy(logical_id, entry, "DeletionPolicy"),
        update_replace_policy=_policy(logical_id, entry, "UpdateReplacePolicy"),
        metadata=entry.get("Metadata"),
    )


def _policy(logical_id: str, entry: dict[str, Any], name: str) -> str:
    value = entry.get(name, "Delete")
    if value not in POLICIES:
        raise TemplateError(
            f"Template error: {name} {value!r} of resource {logical_id} must be one of {list(POLICIES)}"
        )
    return str(value)
