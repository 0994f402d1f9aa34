"""A template together with its parameters: what a stack shall be. Everything that can be refused early is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from millrace.local.cloudformation import graph
from millrace.local.cloudformation.conditions import check_rules, evaluate_conditions
from millrace.local.cloudformation.errors import TemplateError
from millrace.local.cloudformation.intrinsics import Resolver, Scope
from millrace.local.cloudformation.parameters import Parameter
from millrace.local.cloudformation.providers import is_custom, provider_of
from millrace.local.cloudformation.template import LANGUAGE_EXTENSIONS, Declaration, Template

PSEUDO = (
    "AWS::AccountId",
    "AWS::NotificationARNs",
    "AWS::NoValue",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
)


@dataclass(frozen=True)
class Place:
    """The stack that a template is evaluated for."""

    account: str
    region: str
    stack_id: str
    stack_name: str
    notification_arns: tuple[str, ...] = ()

    def pseudo_parameters(self) -> dict[str, Any]:
        return {
            "AWS::AccountId": self.account,
            "AWS::NotificationARNs": list(self.notification_arns),
            "AWS::Partition": "aws",
            "AWS::Region": self.region,
            "AWS::StackId": self.stack_id,
            "AWS::StackName": self.stack_name,
            "AWS::URLSuffix": "amazonaws.com",
        }


@dataclass(frozen=True)
class Definition:
    """`resources` are those whose condition holds, in an order in which each follows what it needs."""

    template: Template
    scope: Scope
    resources: Mapping[str, Declaration]
    needs: Mapping[str, list[str]]

    def resolver(
        self, ref: Callable[[str], Any], attribute: Callable[[str, str], Any], imported: Callable[[str], Any]
    ) -> Resolver:
        scope = self.scope
        return Resolver(
            Scope(scope.values, scope.mappings, scope.conditions, ref, attribute, imported, scope.language_extensions)
        )

    def outputs(self) -> dict[str, Mapping[str, Any]]:
        """The outputs whose condition holds."""
        declared = self.template.section("Outputs")
        return {key: entry for key, entry in declared.items() if _holds(entry.get("Condition"), self.scope, key)}


def define(template: Template, parameters: Mapping[str, Parameter], place: Place) -> Definition:
    """Check the template as CloudFormation does before it touches a resource."""
    check_types(template)
    values = place.pseudo_parameters() | {name: parameter.value for name, parameter in parameters.items()}
    extended = LANGUAGE_EXTENSIONS in template.transforms
    mappings = template.section("Mappings")
    early = Scope(values, mappings, language_extensions=extended)
    check_rules(template.section("Rules"), early)
    conditions = evaluate_conditions(template.section("Conditions"), early)
    scope = Scope(values, mappings, conditions, language_extensions=extended)
    active = {
        logical: declared
        for logical, declared in template.resources.items()
        if _holds(declared.condition, scope, logical)
    }
    _check_references(template, active, scope)
    needs = graph.dependencies(active, conditions)
    ordered = graph.order(needs)
    return Definition(template, scope, {logical: active[logical] for logical in ordered}, needs)


def check_types(template: Template) -> None:
    """Refuse types without a provider, all at once, before anything is created."""
    unknown = [
        f"{declared.type} ({logical})"
        for logical, declared in template.resources.items()
        if provider_of(declared.type) is None
    ]
    if unknown:
        raise TemplateError(
            f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]. "
            "The embedded AWS has no provider for them; docs/fidelity.md lists the types it has."
        )


def check_names(template: Template) -> None:
    """Refuse references to what the template does not declare, in every branch: no values are known yet."""
    known = {*template.section("Parameters"), *PSEUDO, *template.resources}
    blocks: dict[str, Iterable[Any]] = {
        "Resources": [each.properties for each in template.resources.values()],
        "Outputs": template.section("Outputs").values(),
    }
    for block, nodes in blocks.items():
        wrong = sorted({name for node in nodes for name in graph.references(node)} - known)
        if wrong:
            raise TemplateError(
                f"Template format error: Unresolved resource dependencies [{', '.join(wrong)}] "
                f"in the {block} block of the template"
            )


def _holds(condition: str | None, scope: Scope, where: str) -> bool:
    if condition is None:
        return True
    if condition not in scope.conditions:
        raise TemplateError(f"Template format error: Unresolved condition dependency {condition} of {where}")
    return scope.conditions[condition]


def _check_references(template: Template, active: Mapping[str, Declaration], scope: Scope) -> None:
    known = {*scope.values, *PSEUDO, *active}
    for logical, declared in active.items():
        wrong = sorted(set(graph.references(declared.properties, scope.conditions)) - known)
        wrong += sorted(set(declared.depends_on) - template.resources.keys())
        if wrong:
            raise TemplateError(
                f"Template format error: Unresolved resource dependencies [{', '.join(wrong)}] "
                f"in the Resources block of the template (resource {logical})"
            )
        _check_attributes(declared.properties, active)
    for key, entry in template.section("Outputs").items():
        if not _holds(entry.get("Condition"), scope, key):
            continue
        wrong = sorted(set(graph.references(entry, scope.conditions)) - known)
        if wrong:
            raise TemplateError(
                f"Template format error: Unresolved resource dependencies [{', '.join(wrong)}] "
                f"in the Outputs block of the template (output {key})"
            )
        _check_attributes(entry, active)


def _check_attributes(node: Any, active: Mapping[str, Declaration]) -> None:
    """Refuse Fn::GetAtt of an attribute that the type does not have."""
    for logical, name in graph.attributes(node):
        declared = active.get(logical)
        provider = provider_of(declared.type) if declared else None
        if declared and provider and not is_custom(declared.type) and name not in provider.attributes:
            allowed = ", ".join(sorted(provider.attributes)) or "none"
            raise TemplateError(
                f"Template error: resource {logical} of type {declared.type} does not support attribute type "
                f"{name} in Fn::GetAtt; allowed: {allowed}"
            )
