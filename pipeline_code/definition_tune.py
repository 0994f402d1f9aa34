"""The step Tune: many training jobs with other hyperparameters each, of which the best one's model is taken.

The request is written here, around Train's own: the SDK's tuner loses the volumes' key and the network's isolation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline_code.definition_context import Context, Trained, job_retries
from pipeline_code.definition_problem import Problem
from pipeline_code.definition_settings import TuningSettings

if TYPE_CHECKING:
    from sagemaker.core.workflow.functions import Join
    from sagemaker.mlops.workflow.steps import Step

GRID, CATEGORICAL = "Grid", "categorical"
RANGES = {
    "integer": "IntegerParameterRanges",
    "continuous": "ContinuousParameterRanges",
    CATEGORICAL: "CategoricalParameterRanges",
}


def tune_step(context: Context, training: Mapping[str, Any]) -> Trained:
    """`training` is the request of one training job, without the hyperparameters that are searched for."""
    assert context.model.tuning
    definition = {name: value for name, value in training.items() if name != "HyperParameters"}
    request = {
        "HyperParameterTuningJobConfig": _config(context, context.model.tuning),
        "TrainingJobDefinition": {**definition, "StaticHyperParameters": training["HyperParameters"]},
    }
    step = _request_step(context, request)
    return Trained(step, _best_model(step))


def _config(context: Context, tuning: TuningSettings) -> dict[str, Any]:
    problem = Problem.of(context.model)
    limits = {"MaxParallelTrainingJobs": tuning.parallel_jobs, "MaxRuntimeInSeconds": tuning.max_runtime_seconds}
    if tuning.strategy != GRID:  # a grid has as many jobs as it has points
        limits["MaxNumberOfTrainingJobs"] = tuning.max_jobs
    return {
        "Strategy": tuning.strategy,
        "HyperParameterTuningJobObjective": {
            "Type": "Maximize" if problem.maximize else "Minimize",
            "MetricName": f"validation:{problem.objective}",
        },
        "ResourceLimits": limits,
        "ParameterRanges": _ranges(tuning),
        "TrainingJobEarlyStoppingType": "Auto" if tuning.early_stopping else "Off",
        "RandomSeed": int(context.model.hyperparameters["seed"]),
    }


def _ranges(tuning: TuningSettings) -> dict[str, Any]:
    ranges: dict[str, list[dict[str, Any]]] = {}
    for each in tuning.ranges:
        values = [str(value) for value in each.values]
        if each.kind == CATEGORICAL:
            described: dict[str, Any] = {"Values": values}
        else:
            described = {"MinValue": values[0], "MaxValue": values[1], "ScalingType": "Auto"}
        ranges.setdefault(RANGES[each.kind], []).append({"Name": each.name, **described})
    return ranges


def _best_model(step: Step) -> Join:
    """Below the output path that the tuning job was given: with step caching that is another run's."""
    from sagemaker.core.workflow.functions import Join

    output = step.properties.TrainingJobDefinition.OutputDataConfig.S3OutputPath
    return Join(on="/", values=[output, step.properties.BestTrainingJob.TrainingJobName, "output/model.tar.gz"])


def _request_step(context: Context, request: Mapping[str, Any]) -> Step:
    from sagemaker.core.workflow.properties import Properties
    from sagemaker.mlops.workflow.steps import CacheConfig, ConfigurableRetryStep, StepTypeEnum

    class TuneStep(ConfigurableRetryStep):
        """A tuning step of a written-out request; the SDK's own takes nothing but its tuner."""

        def __init__(self, name: str, cache_config: CacheConfig | None, **more: Any) -> None:
            super().__init__(name, StepTypeEnum.TUNING, display_name=name, **more)
            self._cache_config = cache_config
            self._properties = Properties(
                step_name=name, step=self, shape_name="DescribeHyperParameterTuningJobResponse"
            )

        @property
        def arguments(self) -> dict[str, Any]:
            return dict(request)

        @property
        def properties(self) -> Properties:
            return self._properties

        def to_request(self) -> dict[str, Any]:
            cached = self._cache_config.config if self._cache_config else {}
            return {**super().to_request(), **cached}

    return TuneStep(
        "Tune",
        context.cache(),
        description="Search for good hyperparameters: train XGBoost with many, and keep the best model",
        retry_policies=job_retries(),
    )
