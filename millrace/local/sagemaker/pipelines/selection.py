"""Selective execution: some steps of a pipeline run, and what they need of the others comes from an earlier execution.

`executions` checks and prepares the new execution's record; the runner then leaves everything else out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from millrace.local.sagemaker.pipelines.graph import Graph
from millrace.local.sagemaker.pipelines.journal import FAILED, KIND, SUCCEEDED
from millrace.local.sagemaker.store import Place, Record, Store
from millrace.local.service import ServiceError

CONFIG = "SelectiveExecutionConfig"


def selected_steps(record: Mapping[str, Any]) -> frozenset[str] | None:
    """The steps that an execution runs; None for all."""
    config = record.get(CONFIG)
    return frozenset(each["StepName"] for each in config["SelectedSteps"]) if config else None


def restricted(graph: Graph, selected: frozenset[str] | None) -> Graph:
    """The selected steps and those whose results they use."""
    if selected is None:
        return graph
    kept = selected | reused(graph, selected)
    return {name: node for name, node in graph.items() if name in kept}


def reused(graph: Graph, selected: frozenset[str]) -> frozenset[str]:
    """Steps that are not selected and whose results selected ones need."""
    return frozenset(need for name in selected for need in graph[name].needs) - selected


def prepare(store: Store, place: Place, pipeline: Record, graph: Graph, config: Mapping[str, Any]) -> dict[str, Any]:
    """The steps that a selective execution begins with; a ValidationException when it cannot be run."""
    selected = frozenset(each["StepName"] for each in config["SelectedSteps"])
    _check(graph, selected)
    wanted = reused(graph, selected)
    arn = config.get("SourcePipelineExecutionArn")
    if arn is None:
        if wanted:
            raise _refused(
                f"SourcePipelineExecutionArn is required: the selected steps depend on {', '.join(sorted(wanted))}."
            )
        return {}
    source = _source(store, place, pipeline, arn)
    for name in sorted(wanted):
        _check_result(graph, selected, source, name)
    return {name: _taken(source, name) for name in sorted(wanted)}


def _check(graph: Graph, selected: frozenset[str]) -> None:
    unknown = sorted(selected - set(graph))
    if unknown:
        raise _refused(f"The selected step '{unknown[0]}' is not in the pipeline.")
    between = sorted(_after(graph, selected) & _before(graph, selected) - selected)
    if between:
        raise _refused(
            f"All steps in all paths between two selected steps must be selected: {', '.join(between)} is not."
        )


def _before(graph: Graph, names: frozenset[str]) -> frozenset[str]:
    """Every step that some of the names need, directly or not."""
    found: set[str] = set()
    waiting = [need for name in names for need in graph[name].needs]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph[name].needs
    return frozenset(found)


def _after(graph: Graph, names: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in graph if _before(graph, frozenset({name})) & names)


def _source(store: Store, place: Place, pipeline: Record, arn: str) -> Record:
    source = store.find(place, KIND, arn.rpartition("/")[2])
    if source is None or source["PipelineExecutionArn"] != arn or source["PipelineArn"] != pipeline["PipelineArn"]:
        raise ServiceError("ResourceNotFound", f"Pipeline execution with ARN {arn} does not exist.")
    status = source["PipelineExecutionStatus"]
    if status not in (SUCCEEDED, FAILED):
        raise _refused(f"The reference execution {arn} is {status}; it must be Succeeded or Failed.")
    return source


def _check_result(graph: Graph, selected: frozenset[str], source: Record, name: str) -> None:
    """The source must have the step's result, and as a condition it must have led to the selected steps."""
    step = source["_Steps"].get(name)
    if step is None or step["StepStatus"] != SUCCEEDED:
        raise _refused(
            f"The reference execution {source['PipelineExecutionArn']} has no result of step '{name}', "
            "which the selected steps need."
        )
    for chosen in sorted(selected):
        branch = graph[chosen].branch
        if branch is not None and branch.condition == name and step.get("_Outcome") is not branch.outcome:
            raise _refused(
                f"Step '{chosen}' cannot be selected: in the reference execution the condition '{name}' led elsewhere."
            )


def _taken(source: Record, name: str) -> dict[str, Any]:
    step: Record = source["_Steps"][name]
    return step | {"SelectiveExecutionResult": {"SourcePipelineExecutionArn": source["PipelineExecutionArn"]}}


def _refused(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
