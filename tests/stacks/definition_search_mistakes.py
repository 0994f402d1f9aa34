"""Seeded mistakes in a search for hyperparameters."""

from __future__ import annotations

from typing import Any

from tests.stacks.definition_mistakes import Mistake, Steps, dict_at, get, model_input


def search(steps: Steps) -> dict[str, Any]:
    return dict_at(steps["Tune"], "Arguments", "HyperParameterTuningJobConfig")


def searched(steps: Steps) -> dict[str, Any]:
    return dict_at(steps["Tune"], "Arguments", "TrainingJobDefinition")


def whole_range(steps: Steps) -> dict[str, Any]:
    return dict_at(search(steps), "ParameterRanges", "IntegerParameterRanges", 0)


SEARCH_MISTAKES = [
    Mistake(
        "an objective that nobody measures",
        lambda d, s: search(s)["HyperParameterTuningJobObjective"].update(MetricName="validation:acu"),
        "Tune",
        "Arguments.HyperParameterTuningJobConfig.HyperParameterTuningJobObjective.MetricName",
        ("validation:acu", "such as validation:auc"),
        "tuned",
    ),
    Mistake(
        "a strategy that does not exist",
        lambda d, s: search(s).update(Strategy="Bayes"),
        "Tune",
        "Arguments.HyperParameterTuningJobConfig.Strategy",
        ("Bayesian",),
        "tuned",
    ),
    Mistake(
        "a range that ends before it begins",
        lambda d, s: whole_range(s).update(MinValue="5"),
        "Tune",
        "Arguments.HyperParameterTuningJobConfig.ParameterRanges.IntegerParameterRanges[0]",
        ("MinValue not above MaxValue",),
        "tuned",
    ),
    Mistake(
        "a whole number with a point",
        lambda d, s: whole_range(s).update(MaxValue="4.5"),
        "Tune",
        "Arguments.HyperParameterTuningJobConfig.ParameterRanges.IntegerParameterRanges[0]",
        ("two whole numbers",),
        "tuned",
    ),
    Mistake(
        "a range of numbers instead of texts",
        lambda d, s: whole_range(s).update(MaxValue=4),
        "Tune",
        "Arguments.HyperParameterTuningJobConfig.ParameterRanges.IntegerParameterRanges[0].MaxValue",
        ("a text",),
        "tuned",
    ),
    Mistake(
        "a hyperparameter that is searched for and fixed",
        lambda d, s: searched(s)["StaticHyperParameters"].update(max_depth="2"),
        "Tune",
        "Arguments.TrainingJobDefinition.StaticHyperParameters.max_depth",
        ("has a range too",),
        "tuned",
    ),
    Mistake(
        "a hyperparameter with two ranges",
        lambda d, s: search(s)["ParameterRanges"]["IntegerParameterRanges"].append(whole_range(s)),
        "Tune",
        "Arguments.HyperParameterTuningJobConfig.ParameterRanges",
        ("'max_depth' several ranges",),
        "tuned",
    ),
    Mistake(
        "more jobs at once than jobs",
        lambda d, s: search(s)["ResourceLimits"].update(MaxParallelTrainingJobs=13),
        "Tune",
        "Arguments.HyperParameterTuningJobConfig.ResourceLimits.MaxParallelTrainingJobs",
        ("12 at most",),
        "tuned",
    ),
    Mistake(
        "a search without an end",
        lambda d, s: search(s)["ResourceLimits"].pop("MaxNumberOfTrainingJobs"),
        "Tune",
        "Arguments.HyperParameterTuningJobConfig.ResourceLimits.MaxNumberOfTrainingJobs",
        ("missing",),
        "tuned",
    ),
    Mistake(
        "a grid without lines",
        lambda d, s: search(s)["ParameterRanges"].update(
            IntegerParameterRanges=[{"Name": "num_round", "MinValue": "1", "MaxValue": "4"}]
        ),
        "Tune",
        "Arguments.HyperParameterTuningJobConfig.ParameterRanges.IntegerParameterRanges[0]",
        ("not for a Grid", "CategoricalParameterRanges"),
        "grid",
    ),
    Mistake(
        "a training job of a search without a role",
        lambda d, s: searched(s).pop("RoleArn"),
        "Tune",
        "Arguments.TrainingJobDefinition.RoleArn",
        ("missing",),
        "tuned",
    ),
    Mistake(
        "the hyperparameters of a training job in a search",
        lambda d, s: searched(s).update(HyperParameters={"eta": "0.1"}),
        "Tune",
        "Arguments.TrainingJobDefinition.HyperParameters",
        ("unknown", "HyperParameterRanges"),
        "tuned",
    ),
    Mistake(
        "the artifacts of a search",
        lambda d, s: model_input(s).update(S3Uri=get("Steps.Tune.ModelArtifacts.S3ModelArtifacts")),
        "Evaluate",
        "Arguments.ProcessingInputs[0].S3Input.S3Uri",
        ("ModelArtifacts", "step Tune"),
        "tuned",
    ),
]
