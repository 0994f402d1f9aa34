"""Finds steps that wait for each other: such a run would never begin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from stacks.definition_validator.document import Definition, Step
from stacks.definition_validator.violation import Place, Report


def check_order(definition: Definition, references: Mapping[str, set[str]], report: Report) -> bool:
    """Report every cycle through data, DependsOn and the branches of conditions; True if there is none."""
    ordered = True
    waits = {step.name: set(_waits_for(step, definition, references)) for step in definition.by_name.values()}
    while True:
        try:
            TopologicalSorter({name: sorted(waits[name]) for name in sorted(waits)}).prepare()
        except CycleError as error:
            ordered = False
            cycle = list(reversed(error.args[1]))
            path = " -> ".join(cycle)
            report.add(Place(cycle[0]), "waits for itself", value=path, advice="remove one of these dependencies")
            waits[cycle[0]].discard(cycle[1])
        else:
            return ordered


def _waits_for(step: Step, definition: Definition, references: Mapping[str, set[str]]) -> Iterator[str]:
    yield from references.get(step.name, ())
    if step.parent:
        yield step.parent
    yield from (name for name in step.waits_for() if name in definition.by_name)
