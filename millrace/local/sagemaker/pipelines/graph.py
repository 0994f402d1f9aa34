"""The order of a pipeline's steps: which step waits for which, and what their references may name.

Edges come from data (Get of another step), from DependsOn, and from the condition around a step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from millrace.local.sagemaker.pipelines.definition import Branch, Definition, Step
from millrace.local.sagemaker.pipelines.errors import DefinitionError
from millrace.local.sagemaker.pipelines.references import (
    ParameterReference,
    PropertyFileReference,
    Reference,
    StepReference,
    find_references,
)


@dataclass(frozen=True)
class Node:
    """One step: all it `needs` must have succeeded, and its `branch` been taken, before it runs."""

    name: str
    needs: frozenset[str] = frozenset()
    branch: Branch | None = None


Graph = Mapping[str, Node]


def references(step: Step) -> Iterator[Reference]:
    """Every reference of one step, wherever it is written."""
    for value in (step.arguments, step.function_arn, step.queue_url):
        yield from find_references(value)


def build_graph(definition: Definition) -> Graph:
    """The graph of a definition; DefinitionError on unknown names and on cycles."""
    names = {step.name for step in definition.steps}
    declared = {parameter.name for parameter in definition.parameters}
    graph = {step.name: _node(definition, step, names, declared) for step in definition.steps}
    cycle = find_cycle(graph)
    if cycle:
        raise DefinitionError(f"Cycle detected in the steps: {' -> '.join(cycle)}.")
    return graph


def _node(definition: Definition, step: Step, names: set[str], declared: set[str]) -> Node:
    needs = set(step.depends_on)
    for reference in references(step):
        if isinstance(reference, ParameterReference) and reference.name not in declared:
            raise DefinitionError(f"Step '{step.name}' refers to the undefined parameter '{reference.name}'.")
        if isinstance(reference, StepReference | PropertyFileReference):
            needs.add(reference.step)
    unknown = sorted(needs - names)
    if unknown:
        raise DefinitionError(f"Step '{step.name}' refers to the undefined step '{unknown[0]}'.")
    for reference in references(step):
        if isinstance(reference, PropertyFileReference):
            _check_property_file(definition, step, reference)
    if step.branch:
        needs.add(step.branch.condition)
    return Node(step.name, frozenset(needs), step.branch)


def _check_property_file(definition: Definition, step: Step, reference: PropertyFileReference) -> None:
    source = definition.step(reference.step)
    if source is None or reference.file not in {file.name for file in source.property_files}:
        raise DefinitionError(
            f"Step '{step.name}' refers to the undefined property file '{reference.file}' of '{reference.step}'."
        )


def find_cycle(graph: Graph) -> list[str]:
    """The names along a cycle, first and last the same; empty when there is none."""
    left = dict(graph)
    while ready := [name for name, node in left.items() if not node.needs & set(left)]:
        for name in ready:
            del left[name]
    if not left:
        return []
    trail = [min(left)]
    while trail.count(trail[-1]) == 1:
        trail.append(min(left[trail[-1]].needs & set(left)))
    return trail[trail.index(trail[-1]) :]
