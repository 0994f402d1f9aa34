"""What CreateHyperParameterTuningJob refuses although every member has the right form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stacks.definition_validator.document import Step, items
from stacks.definition_validator.jobs import measured, tunable
from stacks.definition_validator.violation import Place, Report, choices

GRID, HYPERBAND = "Grid", "Hyperband"
LOGARITHMIC = "Logarithmic"
NUMBERS = {"IntegerParameterRanges": int, "ContinuousParameterRanges": float}
CATEGORIES = "CategoricalParameterRanges"


def check_tuning(step: Step, report: Report) -> None:
    if step.type != "Tuning" or not isinstance(step.arguments, dict):
        return
    config = _object(step.arguments, "HyperParameterTuningJobConfig")
    definitions = step.arguments.get("TrainingJobDefinitions")
    trained = definitions if isinstance(definitions, list) else [step.arguments.get("TrainingJobDefinition")]
    place = step.place.member("Arguments")
    here = place.member("HyperParameterTuningJobConfig")
    _check_limits(config, here, report)
    if config.get("Strategy") == HYPERBAND and config.get("TrainingJobEarlyStoppingType") == "Auto":
        stopping = here.member("TrainingJobEarlyStoppingType")
        report.add(stopping, "is wrong", value="Auto", allowed="Off", advice=f"{HYPERBAND} stops jobs by itself")
    ranges = _object(config, "ParameterRanges")
    _check_ranges(config.get("Strategy"), ranges, here.member("ParameterRanges"), report)
    for one in trained:
        if isinstance(one, dict):
            searched = {**ranges, **_object(one, "HyperParameterRanges")}
            if not any(items(searched, kind) for kind in (*NUMBERS, CATEGORIES)) and "Autotune" not in step.arguments:
                report.add(here.member("ParameterRanges"), "names nothing to search", advice="give it a range")
            _check_tunable(searched, one, here.member("ParameterRanges"), report)
            _check_objective(config, one, here, report)
            _check_static(searched, one, place, report)


def _check_limits(config: Mapping[str, Any], place: Place, report: Report) -> None:
    limits = _object(config, "ResourceLimits")
    most, parallel = limits.get("MaxNumberOfTrainingJobs"), limits.get("MaxParallelTrainingJobs")
    here = place.member("ResourceLimits")
    if most is None and config.get("Strategy") != GRID and limits:
        advice = "only a Grid has as many jobs as points"
        report.add(here.member("MaxNumberOfTrainingJobs"), "is missing", allowed="a whole number", advice=advice)
    if isinstance(most, int) and isinstance(parallel, int) and parallel > most:
        report.add(here.member("MaxParallelTrainingJobs"), "is wrong", value=parallel, allowed=f"{most} at most")


def _check_objective(config: Mapping[str, Any], trained: Mapping[str, Any], place: Place, report: Report) -> None:
    objective = config.get("HyperParameterTuningJobObjective") or trained.get("TuningObjective")
    metric = objective.get("MetricName") if isinstance(objective, dict) else None
    algorithm = _object(trained, "AlgorithmSpecification")
    known = measured(trained)
    if "TrainingImage" in algorithm and isinstance(metric, str) and metric not in known:
        here = place.member("HyperParameterTuningJobObjective").member("MetricName")
        advice = "a metric of one's own is among the MetricDefinitions of the training job"
        report.add(here, "is not measured", value=metric, allowed=choices(metric, known), advice=advice)


def _check_ranges(strategy: Any, ranges: Mapping[str, Any], place: Place, report: Report) -> None:
    named = [one.get("Name") for kind in (*NUMBERS, CATEGORIES) for one in items(ranges, kind)]
    for name in sorted({name for name in named if isinstance(name, str) and named.count(name) > 1}):
        report.add(place, f"gives {name!r} several ranges", advice="a hyperparameter has one")
    for kind, number in NUMBERS.items():
        for position, one in enumerate(items(ranges, kind)):
            here = place.member(kind).index(position)
            if strategy == GRID:
                report.add(here, "is not for a Grid", value=one, allowed=CATEGORIES, advice="list the values")
            _check_ends(one, number, here, report)


def _check_tunable(ranges: Mapping[str, Any], trained: Mapping[str, Any], place: Place, report: Report) -> None:
    allowed = tunable(trained)
    for name in dict.fromkeys(_names(ranges)):
        if allowed and name not in allowed:
            advice = "SageMaker searches no others for its own image"
            report.add(place, f"has a range for {name!r}", allowed=", ".join(allowed), advice=advice)


def _check_ends(one: Mapping[str, Any], number: type[int] | type[float], place: Place, report: Report) -> None:
    low, high = one.get("MinValue"), one.get("MaxValue")
    if not isinstance(low, str) or not isinstance(high, str):
        return
    try:
        good = number(low) <= number(high)
        above = number(low) > 0
    except ValueError:
        good = above = False
    if not good:
        kind = "whole numbers" if number is int else "numbers"
        report.add(place, "is no range", value=[low, high], allowed=f"two {kind} as texts, MinValue not above MaxValue")
    elif one.get("ScalingType") == LOGARITHMIC and not above:
        advice = "a logarithmic scale begins above 0"
        report.add(place.member("MinValue"), "is wrong", value=low, allowed="a number above 0", advice=advice)


def _check_static(ranges: Mapping[str, Any], trained: Mapping[str, Any], place: Place, report: Report) -> None:
    static = _object(trained, "StaticHyperParameters")
    for name in sorted(set(_names(ranges)) & set(static)):
        here = place.member("TrainingJobDefinition").member("StaticHyperParameters").member(name)
        report.add(here, "has a range too", advice="what is searched for is not static: remove one of the two")


def _names(ranges: Mapping[str, Any]) -> Iterator[str]:
    for kind in (*NUMBERS, CATEGORIES):
        yield from (one["Name"] for one in items(ranges, kind) if isinstance(one.get("Name"), str))


def _object(value: Any, name: str) -> Mapping[str, Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, dict) else {}
