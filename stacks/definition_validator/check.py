"""Runs all checks over one definition."""

from __future__ import annotations

from stacks.definition_validator.arguments import check_arguments
from stacks.definition_validator.branches import check_branches, check_waits
from stacks.definition_validator.cached import check_cached
from stacks.definition_validator.document import read
from stacks.definition_validator.expressions import Resolver
from stacks.definition_validator.graph import check_order
from stacks.definition_validator.jobs import check_jobs
from stacks.definition_validator.own_arguments import check_own_arguments
from stacks.definition_validator.retries import check_retries
from stacks.definition_validator.steps import check_steps
from stacks.definition_validator.tuning import check_tuning
from stacks.definition_validator.violation import DefinitionError, Report, Violation


def check(text: str) -> list[Violation]:
    """Every mistake in a definition's JSON; an empty list means that SageMaker will take and run it."""
    report = Report()
    definition = read(text, report)
    if definition is None:
        return report.violations
    check_steps(definition, report)
    resolver = Resolver(definition, report)
    resolver.resolve_all()
    for step in definition.steps:
        check_arguments(step, resolver, report)
        check_own_arguments(step, resolver, report)
        check_retries(step, report)
        check_tuning(step, report)
        check_jobs(step, resolver, report)
        check_cached(step, report)
    check_branches(definition, resolver.references, report)
    if check_order(definition, resolver.references, report):
        check_waits(definition, resolver.references, report)
    return report.violations


def require_valid(text: str, *, pipeline: str) -> None:
    """Raise DefinitionError naming every mistake in the definition of a pipeline."""
    violations = check(text)
    if violations:
        raise DefinitionError(pipeline, violations)
