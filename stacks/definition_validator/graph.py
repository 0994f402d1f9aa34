"""Finds steps that wait for each other: such a run would never begin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from stacks.definition_validator.document import Definition, Step
from stacks.definition_validator.violation import Place, Report


def check_order(definition: Definition, references: Mapping[str, set[str]], report: Report) -> None:
    """Report every cycle through data, DependsOn and the branches of conditions."""
    waits = {step.name: set(_waits_for(step, definition, references)) for step in definition.by_name.values()}
    while True:
        try:
            TopologicalSorter({name: sorted(waits[name]) for name in sorted(waits)}).prepare()
        except CycleError as error:
            cycle = list(reversed(error.args[1]))
            path = " -> ".join(cycle)
            report.add(Place(cycle[0]), "waits for itself", value=path, advice="remove one of these dependencies")
            waits[cycle[0]].discard(cycle[1])
        else:
            return


def _waits_for(step: Step, definition: Definition, references: Mapping[str, set[str]]) -> Iterator[str]:
    yield from references.get(step.name, ())
    if step.parent:
        yield step.parent
    listed = step.body.get("DependsOn")
    for entry in listed if isinstance(listed, list) else []:
        name = entry.get("Step") if isinstance(entry, dict) else entry
        if isinstance(name, str) and name in definition.by_name:
            yield name
