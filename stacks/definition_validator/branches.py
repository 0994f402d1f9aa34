"""What stands in the branch of a condition: no further condition, and nothing that others may rely on."""

from __future__ import annotations

from collections.abc import Mapping

from stacks.definition_validator.document import Definition, Step
from stacks.definition_validator.violation import Place, Report


def check_branches(definition: Definition, references: Mapping[str, set[str]], report: Report) -> None:
    """`references` are the steps whose properties or files each step asks for."""
    for step in definition.steps:
        if step.type == "Condition" and step.parent:
            report.add(
                step.place.member("Type"),
                f"is a condition inside of {step.parent}",
                value=step.type,
                advice="SageMaker takes no Condition step in a branch: put it beside the other one",
            )
        for name in sorted(references.get(step.name, ())):
            _check_reference(step, definition.by_name[name], definition, report)


def check_waits(definition: Definition, references: Mapping[str, set[str]], report: Report) -> None:
    """Of steps that wait by DependsOn alone; those that wait for each other are told of by `check_order`."""
    for step in definition.steps:
        for position, name in enumerate(step.waits_for()):
            if name in definition.by_name and name not in references.get(step.name, ()):
                place = step.place.member("DependsOn").index(position)
                _check_wait(step, place, definition.by_name[name], definition, report)


def _check_wait(step: Step, place: Place, asked: Step, definition: Definition, report: Report) -> None:
    """A step that waits for one that never runs does not run either, and nobody hears of it."""
    if asked.parent and (asked.parent, asked.branch) not in _around(step, definition):
        report.add(
            place,
            f"waits for {asked.name}, which only runs in {asked.branch} of {asked.parent}",
            advice=f"wait for {asked.parent}, or move one of the two",
        )


def _check_reference(step: Step, asked: Step, definition: Definition, report: Report) -> None:
    if asked.parent and (asked.parent, asked.branch) not in _around(step, definition):
        report.add(
            step.place,
            f"asks for {asked.name}, which only runs in {asked.branch} of {asked.parent}",
            advice="in a run that takes the other branch there would be no such step: move one of the two",
        )


def _around(step: Step, definition: Definition) -> set[tuple[str, str]]:
    """The branches that hold the step."""
    found: set[tuple[str, str]] = set()
    while step.parent and (step.parent, step.branch) not in found:
        found.add((step.parent, step.branch))
        step = definition.by_name[step.parent]
    return found
