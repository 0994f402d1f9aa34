"""What an execution would do, as data that can be printed: nothing here touches a resource.

Change sets show a plan; UpdateStack refuses an empty one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from millrace.local.cloudformation.definition import Definition
from millrace.local.cloudformation.intrinsics import UNKNOWN, has_unknown
from millrace.local.cloudformation.records import Output, Resource
from millrace.local.cloudformation.schema import changed, schema_of
from millrace.local.cloudformation.template import Declaration

Action = Literal["Add", "Modify", "Remove"]
Replacement = Literal["True", "False", "Conditional"]


@dataclass(frozen=True)
class Change:
    """One resource that an execution would touch. `differing` are the properties that would change."""

    logical_id: str
    type: str
    action: Action
    physical_id: str | None = None
    replacement: Replacement | None = None
    differing: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    policy: str = "Delete"

    def __str__(self) -> str:
        replaced = {"True": " (replaced)", "Conditional": " (perhaps replaced)"}.get(self.replacement or "", "")
        what = f": {', '.join(self.differing)}" if self.differing else ""
        return f"{self.action} {self.type} {self.logical_id}{replaced}{what}"


@dataclass(frozen=True)
class Plan:
    changes: tuple[Change, ...]
    outputs_change: bool

    @property
    def empty(self) -> bool:
        return not self.changes and not self.outputs_change

    def __str__(self) -> str:
        return "\n".join(map(str, self.changes)) or ("Outputs change" if self.outputs_change else "No changes")


class _Expected:
    """The resources as they will be known while the plan is made: what is new or replaced is unknown."""

    def __init__(self, deployed: Mapping[str, Resource]) -> None:
        self._deployed = deployed
        self._unknown: set[str] = set()

    def forget(self, logical_id: str) -> None:
        self._unknown.add(logical_id)

    def ref(self, logical_id: str) -> Any:
        known = self._deployed.get(logical_id)
        if known is None or logical_id in self._unknown or known.physical_id is None:
            return UNKNOWN
        return known.physical_id

    def attribute(self, logical_id: str, name: str) -> Any:
        if self.ref(logical_id) is UNKNOWN:
            return UNKNOWN
        return self._deployed[logical_id].attributes.get(name, UNKNOWN)


def make_plan(
    definition: Definition,
    deployed: Mapping[str, Resource],
    outputs: Sequence[Output],
    imported: Callable[[str], Any],
    tags: Sequence[Mapping[str, str]] = (),
) -> Plan:
    """Compare what is declared with what is deployed; `tags` are the stack's own, which resources inherit."""
    expected = _Expected(deployed)
    resolver = definition.resolver(expected.ref, expected.attribute, imported)
    changes: list[Change] = []
    for logical, declared in definition.resources.items():
        properties = with_tags(declared.type, resolver.value(declared.properties), tags)
        change = compare(declared, deployed.get(logical), properties)
        if change is None:
            continue
        changes.append(change)
        if change.action == "Add" or change.replacement in ("True", "Conditional"):
            expected.forget(logical)
    changes += [_removal(deployed[logical]) for logical in deployed if logical not in definition.resources]
    found = {key: resolver.value(entry) for key, entry in definition.outputs().items()}
    return Plan(tuple(changes), _outputs_differ(found, outputs))


def with_tags(type_: str, properties: Mapping[str, Any], tags: Sequence[Mapping[str, str]]) -> Mapping[str, Any]:
    """The properties with the stack's tags added, where the type has tags; the resource's own win."""
    declared = schema_of(type_).document.get("properties", {}).get("Tags")
    if not tags or declared is None:
        return properties
    own = properties.get("Tags") or []
    if isinstance(own, dict) or declared.get("type") == "object":
        return {**properties, "Tags": {tag["Key"]: tag["Value"] for tag in tags} | dict(own)}
    names = {tag["Key"] for tag in own}
    inherited = [{"Key": tag["Key"], "Value": tag["Value"]} for tag in tags if tag["Key"] not in names]
    return {**properties, "Tags": [*own, *inherited]}


def compare(declared: Declaration, deployed: Resource | None, properties: Mapping[str, Any]) -> Change | None:
    """The change that brings a deployed resource to these properties, None if there is none."""
    if deployed is None or deployed.physical_id is None:
        return Change(declared.logical_id, declared.type, "Add", after=properties)
    differing = changed(deployed.properties, properties)
    if not differing and deployed.declared_as(declared):
        return None
    fixed = schema_of(declared.type).replacing(deployed.properties, properties)
    certain = [name for name in fixed if not has_unknown(properties.get(name))]
    replacement: Replacement = "True" if certain else "Conditional" if fixed else "False"
    return Change(
        declared.logical_id,
        declared.type,
        "Modify",
        deployed.physical_id,
        replacement,
        tuple(differing),
        tuple(fixed),
        _scope(declared, deployed, differing),
        deployed.properties,
        properties,
        declared.update_replace_policy,
    )


def _scope(declared: Declaration, deployed: Resource, differing: list[str]) -> tuple[str, ...]:
    parts = {
        "Properties": any(name != "Tags" for name in differing),
        "Tags": "Tags" in differing,
        "Metadata": deployed.metadata != declared.metadata,
        "DeletionPolicy": deployed.deletion_policy != declared.deletion_policy,
        "UpdateReplacePolicy": deployed.update_replace_policy != declared.update_replace_policy,
    }
    return tuple(name for name, differs in parts.items() if differs)


def _removal(resource: Resource) -> Change:
    return Change(
        resource.logical_id,
        resource.type,
        "Remove",
        resource.physical_id,
        before=resource.properties,
        policy=resource.deletion_policy,
    )


def _outputs_differ(found: Mapping[str, Mapping[str, Any]], known: Sequence[Output]) -> bool:
    if any(has_unknown(dict(entry)) for entry in found.values()):
        return True
    wanted = {
        (key, str(entry.get("Value")), entry.get("Description"), entry.get("Export", {}).get("Name"))
        for key, entry in found.items()
    }
    return wanted != {(output.key, output.value, output.description, output.export_name) for output in known}
