"""What the jobs of a step refuse or lose although every member has the right form: metrics and sizes of requests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stacks.definition_validator.document import Step, items
from stacks.definition_validator.expressions import Resolver, is_expression
from stacks.definition_validator.violation import Place, Report

_AWS_ALGORITHM = re.compile(r"\d{12}\.dkr\.ecr\.[^/]+/sagemaker-xgboost:.+")
"""SageMaker takes the image for an algorithm of its own, also where it runs a script."""
_XGBOOST = (
    *("accuracy", "auc", "aucpr", "balanced_accuracy", "error", "f1", "f1_macro", "logloss", "mae", "map"),
    *("merror", "mlogloss", "mse", "ndcg", "precision", "r2", "recall", "rmse"),
)
_TUNABLE = (
    *("alpha", "colsample_bylevel", "colsample_bynode", "colsample_bytree", "eta", "gamma", "lambda"),
    *("max_delta_step", "max_depth", "min_child_weight", "num_round", "subsample"),
)
MOST_PAYLOAD_MB = 100
"""Of one request of a transform job, and of all that it sends at once."""


def check_jobs(step: Step, resolver: Resolver, report: Report) -> None:
    for trained, place in training_jobs(step):
        _check_metrics(trained, place.member("AlgorithmSpecification").member("MetricDefinitions"), report)
    if step.type == "Transform" and isinstance(step.arguments, dict):
        _check_payload(step.arguments, step.place.member("Arguments"), resolver, report)


def training_jobs(step: Step) -> Iterator[tuple[Mapping[str, Any], Place]]:
    """The description of each kind of training job that the step makes."""
    place = step.place.member("Arguments")
    if step.type == "Training" and isinstance(step.arguments, dict):
        yield step.arguments, place
    if step.type == "Tuning" and isinstance(step.arguments, dict):
        one = step.arguments.get("TrainingJobDefinition")
        if isinstance(one, dict):
            yield one, place.member("TrainingJobDefinition")
        for position, each in enumerate(items(step.arguments, "TrainingJobDefinitions")):
            yield each, place.member("TrainingJobDefinitions").index(position)


def measured(trained: Mapping[str, Any]) -> list[str]:
    """The names of the metrics that a training job has: AWS's own for its own algorithm, else the defined ones."""
    if _is_of_aws(trained):
        return [f"{part}:{metric}" for metric in _XGBOOST for part in ("train", "validation")]
    defined = items(trained, "AlgorithmSpecification", "MetricDefinitions")
    return [name for one in defined if isinstance(name := one.get("Name"), str)]


def tunable(trained: Mapping[str, Any]) -> tuple[str, ...]:
    """The only hyperparameters that may have a range; empty if all may."""
    return _TUNABLE if _is_of_aws(trained) else ()


def _is_of_aws(trained: Mapping[str, Any]) -> bool:
    algorithm = trained.get("AlgorithmSpecification")
    image = algorithm.get("TrainingImage") if isinstance(algorithm, dict) else None
    return isinstance(image, str) and bool(_AWS_ALGORITHM.fullmatch(image))


def _check_metrics(trained: Mapping[str, Any], place: Place, report: Report) -> None:
    metrics = items(trained, "AlgorithmSpecification", "MetricDefinitions")
    if metrics and _is_of_aws(trained):
        advice = "SageMaker has its own for its own image and refuses others: print lines as XGBoost does"
        report.add(place, "cannot be given", advice=advice)
        return
    names = [name for one in metrics if isinstance(name := one.get("Name"), str)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        report.add(place, f"repeats the metric {name!r}", advice="each is defined once")
    for position, one in enumerate(metrics):
        pattern = one.get("Regex")
        if isinstance(pattern, str):
            _check_regex(pattern, place.index(position).member("Regex"), report)


def _check_regex(pattern: str, place: Place, report: Report) -> None:
    try:
        groups = re.compile(pattern).groups
    except (re.error, OverflowError, RecursionError):
        report.add(place, "is no regular expression", value=pattern)
        return
    if not groups:
        advice = "put what is the number into parentheses"
        report.add(place, "captures nothing, so the metric would have no value", value=pattern, advice=advice)


def _check_payload(arguments: Mapping[str, Any], place: Place, resolver: Resolver, report: Report) -> None:
    sent = place.member("MaxPayloadInMB")
    payload = _number(arguments.get("MaxPayloadInMB"), sent, resolver)
    at_once = _number(arguments.get("MaxConcurrentTransforms"), place.member("MaxConcurrentTransforms"), resolver)
    if payload is not None and payload * max(at_once or 1, 1) > MOST_PAYLOAD_MB:
        allowed = f"{MOST_PAYLOAD_MB} at most, multiplied by MaxConcurrentTransforms"
        report.add(sent, "is more than a transform job sends at once", value=payload, allowed=allowed)


def _number(value: Any, place: Place, resolver: Resolver) -> int | None:
    """The number that is written there, or the default of the parameter that is."""
    if is_expression(value):
        resolved = resolver.result(place)
        value = resolved.values[0].value if resolved and resolved.values else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
