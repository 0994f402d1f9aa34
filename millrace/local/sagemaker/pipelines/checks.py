"""Everything CreatePipeline and UpdatePipeline check about a definition, in one call."""

from __future__ import annotations

from functools import lru_cache

from millrace.local.sagemaker.pipelines.arguments import check_expressions
from millrace.local.sagemaker.pipelines.definition import Definition, Step, parse_definition
from millrace.local.sagemaker.pipelines.errors import DefinitionError
from millrace.local.sagemaker.pipelines.graph import Graph, build_graph, references
from millrace.local.sagemaker.pipelines.references import StepReference
from millrace.local.sagemaker.pipelines.steps import step_type


@lru_cache(maxsize=64)
def read_definition(text: str) -> tuple[Definition, Graph]:
    """The checked definition and its graph; DefinitionError names the first fault."""
    definition = parse_definition(text)
    for step in definition.steps:
        _check_step(step)
    graph = build_graph(definition)
    for step in definition.steps:
        _check_references(definition, step)
    return definition, graph


def _check_step(step: Step) -> None:
    kind = step_type(step.type)
    if step.property_files and step.type != "Processing":
        raise DefinitionError(f"PropertyFiles belong to Processing steps, but '{step.name}' is a {step.type} step.")
    if step.outputs and step.type not in ("Lambda", "Callback"):
        raise DefinitionError(
            f"OutputParameters belong to Lambda and Callback steps, but '{step.name}' is a {step.type} step."
        )
    if step.retry_policies and not kind.retryable:
        raise DefinitionError(f"{step.type} step '{step.name}' does not take RetryPolicies.")
    for value in (step.arguments, step.function_arn, step.queue_url):
        check_expressions(value)
    kind.check(step)


def _check_references(definition: Definition, step: Step) -> None:
    for reference in references(step):
        if isinstance(reference, StepReference):
            source = definition.step(reference.step)
            if source is not None:
                step_type(source.type).check_reference(source, reference)
