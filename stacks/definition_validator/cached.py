"""A cached step is looked up by its arguments: one that differs in every run is cached in vain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stacks.definition_validator.document import Step
from stacks.definition_validator.violation import Place, Report

OF_THE_RUN = (
    *("PipelineExecutionId", "PipelineExecutionArn", "StartDateTime", "CurrentDateTime"),
    *("TrainingJobName", "ProcessingJobName"),
)
_TRAINING = ("AlgorithmSpecification", "CheckpointConfig", "DebugHookConfig", "Environment", "InputDataConfig")
_TUNED = ("AlgorithmSpecification", "HyperParameterRanges", "InputDataConfig", "StaticHyperParameters")
KEYS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Processing": (("AppSpecification",), ("Environment",), ("ProcessingInputs",)),
    "Training": (*((name,) for name in _TRAINING), ("HyperParameters",)),
    "Tuning": (
        ("HyperParameterTuningJobConfig",),
        *(("TrainingJobDefinition", name) for name in _TUNED),
    ),
    "Transform": (("DataProcessing",), ("Environment",), ("ModelName",), ("TransformInput",)),
}
"""The arguments that AWS looks at, by type of step."""


def check_cached(step: Step, report: Report) -> None:
    cache = step.body.get("CacheConfig")
    if not isinstance(cache, dict) or cache.get("Enabled") is not True:
        return
    for path in KEYS.get(step.type, ()):
        value, place = step.arguments, step.place.member("Arguments")
        for name in path:
            value, place = value.get(name) if isinstance(value, dict) else None, place.member(name)
        for found, here in _of_the_run(value, place):
            advice = "a cached step would never be found again: leave it out, or switch the step's cache off"
            report.add(here, "is another text in each run", value=found, advice=advice)


def _of_the_run(value: Any, place: Place) -> Iterator[tuple[str, Place]]:
    if isinstance(value, dict):
        got = value.get("Get")
        if len(value) == 1 and isinstance(got, str) and got in {f"Execution.{name}" for name in OF_THE_RUN}:
            yield got, place
        for name, child in value.items():
            yield from _of_the_run(child, place.member(name))
    elif isinstance(value, list):
        for position, child in enumerate(value):
            yield from _of_the_run(child, place.index(position))
