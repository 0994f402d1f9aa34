"""What CreateHyperParameterTuningJob asks for, checked, as one record: `operations` makes it, `tuner` works by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from millrace.local.sagemaker.own_metrics import check_tunable, with_own_metrics
from millrace.local.sagemaker.tuning.ranges import Range, parse_ranges, refused
from millrace.local.sagemaker.tuning.search import Search, search_of

NOT_AVAILABLE = ("TrainingJobDefinitions", "WarmStartConfig", "Autotune")
RESOURCES = "HyperParameterTuningResourceConfig"
OF_DEFINITION = ("CheckpointConfig",)
OF_RESOURCES = ("InstanceConfigs", "AllocationStrategy")
# Of a TrainingJobDefinition, what a CreateTrainingJob request takes as it stands.
COPIED = (
    "RoleArn", "InputDataConfig", "VpcConfig", "OutputDataConfig", "ResourceConfig", "StoppingCondition",
    "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining",
    "Environment",
)  # fmt: skip


@dataclass(frozen=True)
class Tuning:
    """One tuning job as asked for."""

    ranges: tuple[Range, ...]
    objective: str
    maximize: bool
    most: int | None
    parallel: int
    seconds: float | None
    early_stopping: bool
    target: float | None
    patience: int | None
    static: Mapping[str, str]
    training: Mapping[str, Any]
    definition_name: str | None
    strategy: str
    seed: int | None

    def is_enough(self, value: float) -> bool:
        """Whether the objective has reached TargetObjectiveMetricValue."""
        if self.target is None:
            return False
        return value >= self.target if self.maximize else value <= self.target

    def search(self) -> Search:
        return search_of(self.strategy, self.ranges, seed=self.seed, jobs=self.most)


def read_request(params: Mapping[str, Any]) -> Tuning:
    """The record of a request; a ValidationException says what is wrong or not available."""
    definition = _available(params)
    config = params["HyperParameterTuningJobConfig"]
    objective = config.get("HyperParameterTuningJobObjective")
    if not objective:
        raise refused("HyperParameterTuningJobObjective is required.")
    ranges = parse_ranges(config.get("ParameterRanges") or {})
    static = definition.get("StaticHyperParameters") or {}
    both = sorted({each.name for each in ranges} & set(static))
    if both:
        raise refused(f"The hyperparameter {both[0]} is static and has a range: it can only be one of them.")
    check_tunable(definition["AlgorithmSpecification"], [each.name for each in ranges])
    _check_objective(objective["MetricName"], with_own_metrics(definition["AlgorithmSpecification"]))
    limits = config["ResourceLimits"]
    criteria = config.get("TuningJobCompletionCriteria") or {}
    tuning = Tuning(
        ranges=ranges,
        objective=objective["MetricName"],
        maximize=objective["Type"] == "Maximize",
        most=limits.get("MaxNumberOfTrainingJobs"),
        parallel=limits["MaxParallelTrainingJobs"],
        seconds=limits.get("MaxRuntimeInSeconds"),
        early_stopping=config.get("TrainingJobEarlyStoppingType") == "Auto",
        target=criteria.get("TargetObjectiveMetricValue"),
        patience=(criteria.get("BestObjectiveNotImproving") or {}).get("MaxNumberOfTrainingJobsNotImproving"),
        static=static,
        training=_training_request(definition),
        definition_name=definition.get("DefinitionName"),
        strategy=config["Strategy"],
        seed=config.get("RandomSeed"),
    )
    tuning.search()
    if tuning.most is None and tuning.strategy != "Grid":
        raise refused("ResourceLimits.MaxNumberOfTrainingJobs is required.")
    return tuning


def _available(params: Mapping[str, Any]) -> dict[str, Any]:
    """The training job definition; what the embedded AWS lacks is refused by its name."""
    definition: dict[str, Any] | None = params.get("TrainingJobDefinition")
    given = [name for name in NOT_AVAILABLE if params.get(name)]
    given += [name for name in OF_DEFINITION if (definition or {}).get(name)]
    given += [f"{RESOURCES}.{name}" for name in OF_RESOURCES if ((definition or {}).get(RESOURCES) or {}).get(name)]
    criteria = params["HyperParameterTuningJobConfig"].get("TuningJobCompletionCriteria") or {}
    if (criteria.get("ConvergenceDetected") or {}).get("CompleteOnConvergence") == "Enabled":
        given.append("ConvergenceDetected")
    if given:
        raise refused(f"{given[0]} is not available for tuning jobs of the embedded AWS.")
    if not definition:
        raise refused("TrainingJobDefinition is required.")
    return definition | {"ResourceConfig": _resources(definition)}


def _resources(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """The ResourceConfig of each training job, which may be given under either of two names."""
    given: list[Mapping[str, Any]] = [definition[name] for name in ("ResourceConfig", RESOURCES) if name in definition]
    if len(given) != 1:
        raise refused(f"TrainingJobDefinition takes ResourceConfig or {RESOURCES}: one of them, and not both.")
    missing = [name for name in ("InstanceType", "InstanceCount") if not given[0].get(name)]
    if missing:
        raise refused(f"{missing[0]} is missing in the resources of the training jobs.")
    return given[0]


def _check_objective(metric: str, algorithm: Mapping[str, Any]) -> None:
    known = [entry["Name"] for entry in algorithm.get("MetricDefinitions") or ()]
    if metric not in known:
        raise refused(
            f"The objective metric {metric} is not among the MetricDefinitions: {', '.join(known) or 'there are none'}."
        )


def _training_request(definition: Mapping[str, Any]) -> dict[str, Any]:
    request = {name: definition[name] for name in COPIED if name in definition}
    return request | {"AlgorithmSpecification": dict(definition["AlgorithmSpecification"])}
