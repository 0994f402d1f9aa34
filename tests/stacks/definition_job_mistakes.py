"""Seeded mistakes that would be found only when a job runs, or never: a metric without a value, a cache in vain."""

from __future__ import annotations

from typing import Any

from tests.stacks.definition_mistakes import Mistake, Steps, condition, dict_at, get, train
from tests.stacks.definition_search_mistakes import search, searched

OWN_IMAGE = "111111111111.dkr.ecr.ap-northeast-2.amazonaws.com/trainer:1"


def measure(definition: dict[str, Any], *regexes: str, image: str = OWN_IMAGE) -> None:
    """Metrics of one's own, which take an image of one's own; all are called validation:auc."""
    metrics = [{"Name": "validation:auc", "Regex": regex} for regex in regexes]
    definition["AlgorithmSpecification"].update(TrainingImage=image, MetricDefinitions=metrics)


def ranges(steps: Steps) -> dict[str, Any]:
    return dict_at(search(steps), "ParameterRanges")


def score(document: dict[str, Any], **arguments: Any) -> None:
    """A transform job of a model that is there already."""
    document["Steps"].append(
        {
            "Name": "Score",
            "Type": "Transform",
            "Arguments": {
                "ModelName": "live",
                "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/rows"}}},
                "TransformOutput": {"S3OutputPath": "s3://b/scores"},
                "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
                **arguments,
            },
        }
    )


JOB_MISTAKES = [
    Mistake(
        "metrics of one's own for AWS's own image",
        lambda d, s: measure(train(s), "auc:(.+)", image=train(s)["AlgorithmSpecification"]["TrainingImage"]),
        "Train",
        "Arguments.AlgorithmSpecification.MetricDefinitions",
        ("cannot be given", "as XGBoost does"),
    ),
    Mistake(
        "a metric that captures nothing",
        lambda d, s: measure(train(s), "validation-auc:[0-9.]+"),
        "Train",
        "Arguments.AlgorithmSpecification.MetricDefinitions[0].Regex",
        ("captures nothing", "parentheses"),
    ),
    Mistake(
        "an objective that captures nothing",
        lambda d, s: measure(searched(s), "validation-auc:[0-9.]+"),
        "Tune",
        "Arguments.TrainingJobDefinition.AlgorithmSpecification.MetricDefinitions[0].Regex",
        ("captures nothing",),
        "tuned",
    ),
    Mistake(
        "a metric whose expression is none",
        lambda d, s: measure(train(s), "validation-auc:([0-9.]"),
        "Train",
        "Arguments.AlgorithmSpecification.MetricDefinitions[0].Regex",
        ("no regular expression",),
    ),
    Mistake(
        "a metric defined twice",
        lambda d, s: measure(train(s), "auc:(.+)", "AUC:(.+)"),
        "Train",
        "Arguments.AlgorithmSpecification.MetricDefinitions",
        ("'validation:auc'", "once"),
    ),
    Mistake(
        "a channel of a search that is there twice",
        lambda d, s: dict_at(searched(s), "InputDataConfig", 1).update(ChannelName="train"),
        "Tune",
        "Arguments.TrainingJobDefinition.InputDataConfig",
        ("repeats the ChannelName",),
        "tuned",
    ),
    Mistake(
        "a range for what SageMaker does not search",
        lambda d, s: dict_at(ranges(s), "ContinuousParameterRanges", 0).update(Name="scale_pos_weight"),
        "Tune",
        "Arguments.HyperParameterTuningJobConfig.ParameterRanges",
        ("'scale_pos_weight'", "SageMaker searches no others"),
        "tuned",
    ),
    Mistake(
        "a search for nothing",
        lambda d, s: search(s).update(ParameterRanges={}),
        "Tune",
        "Arguments.HyperParameterTuningJobConfig.ParameterRanges",
        ("nothing to search",),
        "tuned",
    ),
    Mistake(
        "a logarithmic scale from nothing",
        lambda d, s: dict_at(ranges(s), "ContinuousParameterRanges", 0).update(MinValue="0", ScalingType="Logarithmic"),
        "Tune",
        "Arguments.HyperParameterTuningJobConfig.ParameterRanges.ContinuousParameterRanges[0].MinValue",
        ("begins above 0",),
        "tuned",
    ),
    Mistake(
        "a strategy that stops jobs by itself, and early stopping",
        lambda d, s: search(s).update(Strategy="Hyperband"),
        "Tune",
        "Arguments.HyperParameterTuningJobConfig.TrainingJobEarlyStoppingType",
        ("Off", "Hyperband"),
        "tuned",
    ),
    Mistake(
        "a search of one second",
        lambda d, s: dict_at(search(s), "ResourceLimits").update(MaxRuntimeInSeconds=1),
        "Tune",
        "Arguments.HyperParameterTuningJobConfig.ResourceLimits.MaxRuntimeInSeconds",
        ("120 at least",),
        "tuned",
    ),
    Mistake(
        "the run's id in a cached step",
        lambda d, s: dict_at(s["Evaluate"], "Arguments", "AppSpecification")["ContainerArguments"].append(
            get("Execution.PipelineExecutionId")
        ),
        "Evaluate",
        "Arguments.AppSpecification.ContainerArguments[18]",
        ("another text in each run", "cached"),
    ),
    Mistake(
        "the time in the environment of a cached step",
        lambda d, s: dict_at(train(s), "Environment").update(WHEN=get("Execution.StartDateTime")),
        "Train",
        "Arguments.Environment.WHEN",
        ("another text in each run",),
    ),
    Mistake(
        "the run's ARN within a text of a cached search",
        lambda d, s: dict_at(searched(s), "StaticHyperParameters").update(
            run={"Std:Join": {"On": "-", "Values": ["run", get("Execution.PipelineExecutionArn")]}}
        ),
        "Tune",
        "Arguments.TrainingJobDefinition.StaticHyperParameters.run.Std:Join.Values[1]",
        ("another text in each run",),
        "tuned",
    ),
    Mistake(
        "more at once than a transform job sends",
        lambda d, s: score(d, MaxConcurrentTransforms=20, MaxPayloadInMB=6),
        "Score",
        "Arguments.MaxPayloadInMB",
        ("100 at most", "MaxConcurrentTransforms"),
    ),
    Mistake(
        "a wait for a step in another step's branch",
        lambda d, s: s["FloorReached"].update(DependsOn=["RegisterModel"]),
        "FloorReached",
        "DependsOn[0]",
        ("only runs in IfSteps of Gate", "wait for Gate"),
    ),
    Mistake(
        "an end without a word",
        lambda d, s: s["BelowFloor"].update(Arguments={"ErrorMessage": ""}),
        "BelowFloor",
        "Arguments.ErrorMessage",
        ("0 characters",),
    ),
    Mistake(
        "an end with more than a message",
        lambda d, s: s["BelowFloor"]["Arguments"].update(Reason="x"),
        "BelowFloor",
        "Arguments.Reason",
        ("unknown", "ErrorMessage"),
    ),
    Mistake(
        "a condition with the operand of another",
        lambda d, s: condition(s).update(LeftValue=1),
        "Gate",
        "Arguments.Conditions[0].LeftValue",
        ("unknown to In", "QueryValue"),
    ),
    Mistake(
        "a function that answers too much",
        lambda d, s: s["ReadVerdict"]["OutputParameters"].extend(
            {"OutputName": f"more{number}", "OutputType": "String"} for number in range(50)
        ),
        "ReadVerdict",
        "OutputParameters",
        ("50 at most",),
    ),
    Mistake(
        "an output without a name",
        lambda d, s: s["ReadVerdict"]["OutputParameters"].append({"OutputName": "", "OutputType": "String"}),
        "ReadVerdict",
        "OutputParameters[9].OutputName",
        ("0 characters",),
    ),
    Mistake(
        "a property file beside its output",
        lambda d, s: dict_at(s["Evaluate"], "PropertyFiles", 0).update(FilePath="../verdict.json"),
        "Evaluate",
        "PropertyFiles[0].FilePath",
        ("outside of its output",),
    ),
    Mistake(
        "two inputs in one folder, written differently",
        lambda d, s: dict_at(s["Preprocess"], "Arguments", "ProcessingInputs", 1, "S3Input").update(
            LocalPath="/opt/ml/processing/input/data/claims/"
        ),
        "Preprocess",
        "Arguments.ProcessingInputs[1].S3Input.LocalPath",
        ("taken by another one",),
    ),
]
