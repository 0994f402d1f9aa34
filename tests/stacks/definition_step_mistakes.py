"""Seeded mistakes in functions, conditions, caching and retries: what AWS tells in the middle of a run."""

from __future__ import annotations

import copy
from typing import Any

from tests.stacks.definition_mistakes import Mistake, Steps, condition, dict_at, get, model_input, train


def metadata(steps: Steps) -> dict[str, Any]:
    return dict_at(steps["RegisterModel"], "Arguments", "CustomerMetadataProperties")


def retry(steps: Steps, step: str, **policy: Any) -> None:
    steps[step]["RetryPolicies"] = [{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 3, **policy}]


def move_into_gate(document: dict[str, Any], steps: Steps, name: str) -> None:
    document["Steps"].remove(steps[name])
    steps["Gate"]["Arguments"]["ElseSteps"].append(steps[name])


def again(steps: Steps, **arguments: Any) -> dict[str, Any]:
    """Another step that calls the function of ResolveChampion."""
    return {**copy.deepcopy(steps["ResolveChampion"]), "Name": "Again", "Arguments": arguments}


VALUE = get("Steps.ReadVerdict.OutputParameters['value']")
CHAMPION = "Steps.ResolveChampion.OutputParameters"

FUNCTION_MISTAKES = [
    Mistake(
        "an output that the function does not answer",
        lambda d, s: s["Evaluate"]["Arguments"]["ProcessingInputs"][1]["S3Input"].update(
            S3Uri=get(f"{CHAMPION}['model_url']")
        ),
        "Evaluate",
        "Arguments.ProcessingInputs[1].S3Input.S3Uri",
        ("model_url", "no output of step ResolveChampion", "model_uri"),
    ),
    Mistake(
        "an output asked for as a property",
        lambda d, s: model_input(s).update(S3Uri=get("Steps.ResolveChampion.model_uri")),
        "Evaluate",
        "Arguments.ProcessingInputs[0].S3Input.S3Uri",
        ("OutputParameters['<name>']",),
    ),
    Mistake(
        "a number of a function where a text is wanted",
        lambda d, s: s["ResolveChampion"]["OutputParameters"][1].update(OutputType="Integer"),
        "Evaluate",
        "Arguments.AppSpecification.ContainerArguments[5]",
        ("of type integer", "a text"),
    ),
    Mistake(
        "an output of an unknown type",
        lambda d, s: s["ReadVerdict"]["OutputParameters"][0].update(OutputType="Text"),
        "ReadVerdict",
        "OutputParameters[0].OutputType",
        ("Text", "String"),
    ),
    Mistake(
        "an output that is given twice",
        lambda d, s: s["ReadVerdict"]["OutputParameters"].append(s["ReadVerdict"]["OutputParameters"][0]),
        "ReadVerdict",
        "OutputParameters",
        ("'outcome'",),
    ),
    Mistake(
        "a function by its name",
        lambda d, s: s["ReadVerdict"].update(FunctionArn="millrace-dev-read-verdict"),
        "ReadVerdict",
        "FunctionArn",
        ("arn:aws:lambda:",),
    ),
    Mistake(
        "a step that calls nothing",
        lambda d, s: s["ReadVerdict"].pop("FunctionArn"),
        "ReadVerdict",
        "FunctionArn",
        ("missing",),
    ),
    Mistake(
        "a retry policy on a function",
        lambda d, s: retry(s, "ResolveChampion"),
        "ResolveChampion",
        "RetryPolicies",
        ("Lambda step",),
    ),
]
BRANCH_MISTAKES = [
    Mistake(
        "a condition inside of a condition",
        lambda d, s: move_into_gate(d, s, "FloorReached"),
        "FloorReached",
        "Type",
        ("inside of Gate", "no Condition step in a branch"),
    ),
    Mistake(
        "a step that asks for one that may not have run",
        lambda d, s: d["Steps"].append(
            {**again(s), "Arguments": {"a": get("Steps.ReadVerdict.OutputParameters['value']")}}
        ),
        "Again",
        "",
        ("ReadVerdict", "only runs in IfSteps of Gate"),
    ),
    Mistake(
        "a step that asks for one of the other branch",
        lambda d, s: s["Gate"]["Arguments"]["ElseSteps"].append(again(s, value=VALUE)),
        "Again",
        "",
        ("ReadVerdict", "only runs in IfSteps of Gate"),
    ),
    Mistake(
        "a condition on a list that is none",
        lambda d, s: condition(s).update(Values="first"),
        "Gate",
        "Arguments.Conditions[0].Values",
        ("not a list",),
    ),
    Mistake(
        "a condition on what cannot be compared",
        lambda d, s: condition(s).update(Values=["first", ["better"]]),
        "Gate",
        "Arguments.Conditions[0].Values[1]",
        ("a text, number or boolean",),
    ),
    Mistake(
        "a condition without consequences",
        lambda d, s: s["FloorReached"]["Arguments"].update(ElseSteps=[]),
        "FloorReached",
        "Arguments.IfSteps",
        ("ElseSteps",),
    ),
    Mistake(
        "a failure without a message",
        lambda d, s: s["BelowFloor"]["Arguments"].clear(),
        "BelowFloor",
        "Arguments.ErrorMessage",
        ("missing",),
    ),
    Mistake(
        "a property file without a path",
        lambda d, s: s["Evaluate"]["PropertyFiles"][0].pop("FilePath"),
        "Evaluate",
        "PropertyFiles[0].FilePath",
        ("missing",),
    ),
]
JOB_MISTAKES = [
    Mistake(
        "two inputs in one place",
        lambda d, s: model_input(s).update(LocalPath="/opt/ml/processing/input/test"),
        "Evaluate",
        "Arguments.ProcessingInputs[2].S3Input.LocalPath",
        ("taken",),
    ),
    Mistake(
        "a way to share out that does not exist",
        lambda d, s: model_input(s).update(S3DataDistributionType="Sharded"),
        "Evaluate",
        "Arguments.ProcessingInputs[0].S3Input.S3DataDistributionType",
        ("ShardedByS3Key",),
    ),
    Mistake(
        "an upload that is neither at the end nor all the time",
        lambda d, s: dict_at(s["Preprocess"], "Arguments", "ProcessingOutputConfig", "Outputs", 4, "S3Output").update(
            S3UploadMode="Always"
        ),
        "Preprocess",
        "Arguments.ProcessingOutputConfig.Outputs[4].S3Output.S3UploadMode",
        ("Continuous", "EndOfJob"),
    ),
    Mistake(
        "metadata with a comma",
        lambda d, s: metadata(s).update(note="good, better"),
        "RegisterModel",
        "Arguments.CustomerMetadataProperties.note",
        ("form of CustomerMetadataValue",),
    ),
    Mistake(
        "empty metadata",
        lambda d, s: metadata(s).update(note=""),
        "RegisterModel",
        "Arguments.CustomerMetadataProperties.note",
        ("0 characters", "1 at least"),
    ),
    Mistake(
        "a cache without an end",
        lambda d, s: s["Train"].update(CacheConfig={"Enabled": True}),
        "Train",
        "CacheConfig.ExpireAfter",
        ("P30D",),
    ),
    Mistake(
        "a cache that counts in seconds",
        lambda d, s: s["Train"]["CacheConfig"].update(ExpireAfter="PT90S"),
        "Train",
        "CacheConfig.ExpireAfter",
        ("PT90S",),
    ),
    Mistake(
        "a cache that is neither on nor off",
        lambda d, s: s["Train"].update(CacheConfig={"Enabled": "yes", "ExpireAfter": "P30D"}),
        "Train",
        "CacheConfig.Enabled",
        ("true or false",),
    ),
    Mistake(
        "a cache with a misspelt member",
        lambda d, s: s["Train"].update(CacheConfig={"Enabled": True, "ExpireAfter": "P30D", "ExpiresAfter": "P1D"}),
        "Train",
        "CacheConfig.ExpiresAfter",
        ("ExpireAfter",),
    ),
    Mistake(
        "a cache on a registration",
        lambda d, s: s["RegisterModel"].update(CacheConfig={"Enabled": True, "ExpireAfter": "P30D"}),
        "RegisterModel",
        "CacheConfig",
        ("RegisterModel step",),
    ),
    Mistake(
        "a fault that does not exist",
        lambda d, s: retry(s, "Train", ExceptionType=["SageMaker.INTERNAL_ERROR"]),
        "Train",
        "RetryPolicies[0].ExceptionType",
        ("SageMaker.JOB_INTERNAL_ERROR",),
    ),
    Mistake(
        "the fault of a job where there is none",
        lambda d, s: retry(s, "RegisterModel", ExceptionType=["SageMaker.CAPACITY_ERROR"]),
        "RegisterModel",
        "RetryPolicies[0].ExceptionType",
        ("Step.SERVICE_FAULT",),
    ),
    Mistake(
        "more attempts than there are",
        lambda d, s: retry(s, "Train", MaxAttempts=21),
        "Train",
        "RetryPolicies[0].MaxAttempts",
        ("1 to 20",),
    ),
    Mistake(
        "half a second between attempts",
        lambda d, s: retry(s, "Train", IntervalSeconds=0.5),
        "Train",
        "RetryPolicies[0].IntervalSeconds",
        ("a whole number",),
    ),
    Mistake(
        "attempts and minutes at once",
        lambda d, s: retry(s, "Train", ExpireAfterMin=60),
        "Train",
        "RetryPolicies[0]",
        ("exactly one",),
    ),
    Mistake(
        "training that waits for a step by a number",
        lambda d, s: s["Train"].update(DependsOn=[1]),
        "Train",
        "DependsOn[0]",
        ("unknown step",),
    ),
    Mistake(
        "a key with too long a name",
        lambda d, s: train(s)["ResourceConfig"].update(VolumeKmsKeyId="x" * 2049),
        "Train",
        "Arguments.ResourceConfig.VolumeKmsKeyId",
        ("2048 at most",),
    ),
]
STEP_MISTAKES = [*FUNCTION_MISTAKES, *BRANCH_MISTAKES, *JOB_MISTAKES]
