"""Seeded mistakes in what the steps ask of the SageMaker API, and the record of a mistake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Steps = dict[str, dict[str, Any]]
Spoil = Callable[[dict[str, Any], Steps], object]


@dataclass(frozen=True)
class Mistake:
    """A way to spoil the good definition, and what the sentence about it must hold."""

    name: str
    spoil: Spoil
    step: str
    path: str
    words: tuple[str, ...] = ()
    variant: str = "binary"
    """Of definition_sample: the good definition to spoil."""


def cluster(steps: Steps) -> dict[str, Any]:
    return dict_at(steps["Preprocess"], "Arguments", "ProcessingResources", "ClusterConfig")


def dict_at(value: Any, *path: str | int) -> dict[str, Any]:
    for key in path:
        value = value[key]
    assert isinstance(value, dict)
    return value


def parameter(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in document["Parameters"] if one["Name"] == name)


def get(path: str) -> dict[str, str]:
    return {"Get": path}


def model_input(steps: Steps) -> dict[str, Any]:
    return dict_at(steps["Evaluate"], "Arguments", "ProcessingInputs", 0, "S3Input")


def container(steps: Steps) -> dict[str, Any]:
    return dict_at(steps["RegisterModel"], "Arguments", "InferenceSpecification", "Containers", 0)


def condition(steps: Steps) -> dict[str, Any]:
    return dict_at(steps["Gate"], "Arguments", "Conditions", 0)


def comparison(steps: Steps) -> dict[str, Any]:
    return dict_at(steps["FloorReached"], "Arguments", "Conditions", 0, "Condition")


def train(steps: Steps) -> dict[str, Any]:
    return dict_at(steps["Train"], "Arguments")


REQUEST_MISTAKES = [
    Mistake(
        "a wrong property path",
        lambda d, s: model_input(s).update(S3Uri=get("Steps.Train.ModelArtifact.S3ModelArtifacts")),
        "Evaluate",
        "Arguments.ProcessingInputs[0].S3Input.S3Uri",
        ("'ModelArtifact'", "step Train", "such as ModelArtifacts"),
    ),
    Mistake(
        "a wrong last member of a property path",
        lambda d, s: model_input(s).update(S3Uri=get("Steps.Train.ModelArtifacts.S3ModelArtifact")),
        "Evaluate",
        "Arguments.ProcessingInputs[0].S3Input.S3Uri",
        ("S3ModelArtifacts",),
    ),
    Mistake(
        "an output nobody declared",
        lambda d, s: model_input(s).update(
            S3Uri=get("Steps.Preprocess.ProcessingOutputConfig.Outputs['tests'].S3Output.S3Uri")
        ),
        "Evaluate",
        "Arguments.ProcessingInputs[0].S3Input.S3Uri",
        ("'tests'", "did you mean test?", "features, quarantine, test, train, validation"),
    ),
    Mistake(
        "a property that is an object where a text is wanted",
        lambda d, s: model_input(s).update(S3Uri=get("Steps.Train.ModelArtifacts")),
        "Evaluate",
        "Arguments.ProcessingInputs[0].S3Input.S3Uri",
        ("of type structure", "a text"),
    ),
    Mistake(
        "an unknown instance type",
        lambda d, s: cluster(s).update(InstanceType="ml.m5.huge"),
        "Preprocess",
        "Arguments.ProcessingResources.ClusterConfig.InstanceType",
        ("ml.m5.huge", "ProcessingInstanceType", "such as ml.m5."),
    ),
    Mistake(
        "an unknown instance type as a parameter's default",
        lambda d, s: parameter(d, "TrainingInstanceType").update(DefaultValue="ml.m5.larg"),
        "Train",
        "Arguments.ResourceConfig.InstanceType",
        ("the default of parameter TrainingInstanceType", "ml.m5.large"),
    ),
    Mistake(
        "an unknown instance type among a parameter's values",
        lambda d, s: parameter(d, "TrainingInstanceType").update(EnumValues=["ml.m5.large", "ml.none"]),
        "Train",
        "Arguments.ResourceConfig.InstanceType",
        ("EnumValue of parameter TrainingInstanceType", "ml.none"),
    ),
    Mistake(
        "a processing step without a role",
        lambda d, s: s["Preprocess"]["Arguments"].pop("RoleArn"),
        "Preprocess",
        "Arguments.RoleArn",
        ("missing",),
    ),
    Mistake(
        "a training step without a role",
        lambda d, s: train(s).pop("RoleArn"),
        "Train",
        "Arguments.RoleArn",
        ("missing",),
    ),
    Mistake(
        "a role that is no ARN",
        lambda d, s: train(s).update(RoleArn="millrace-dev-job-role"),
        "Train",
        "Arguments.RoleArn",
        ("pattern", "arn:aws"),
    ),
    Mistake(
        "eleven inputs",
        lambda d, s: s["Preprocess"]["Arguments"].update(
            ProcessingInputs=[
                {"InputName": f"i-{number}", "S3Input": {**model_input(s), "LocalPath": f"/opt/ml/processing/{number}"}}
                for number in range(11)
            ]
        ),
        "Preprocess",
        "Arguments.ProcessingInputs",
        ("11 items", "10 at most"),
    ),
    Mistake(
        "a bad enum",
        lambda d, s: model_input(s).update(S3DataType="S3Prefixes"),
        "Evaluate",
        "Arguments.ProcessingInputs[0].S3Input.S3DataType",
        ("S3Prefix", "ManifestFile"),
    ),
    Mistake(
        "a bad approval status as a parameter's default",
        lambda d, s: parameter(d, "ModelApprovalStatus").update(DefaultValue="Pending", EnumValues=[]),
        "RegisterModel",
        "Arguments.ModelApprovalStatus",
        ("PendingManualApproval", "the default of parameter"),
    ),
    Mistake(
        "a misspelt member",
        lambda d, s: train(s).update(EnableNetworkIsolaton=True),
        "Train",
        "Arguments.EnableNetworkIsolaton",
        ("unknown to CreateTrainingJobRequest", "such as EnableNetworkIsolation"),
    ),
    Mistake(
        "a number where a text is wanted",
        lambda d, s: train(s)["HyperParameters"].update(max_depth=6),
        "Train",
        "Arguments.HyperParameters.max_depth",
        ("a text",),
    ),
    Mistake(
        "a number parameter where a text is wanted",
        lambda d, s: train(s)["HyperParameters"].update(max_depth=get("Parameters.MaxDepth")),
        "Train",
        "Arguments.HyperParameters.max_depth",
        ("of type integer", "to_string()"),
    ),
    Mistake(
        "a text where a number is wanted",
        lambda d, s: cluster(s).update(InstanceCount="1"),
        "Preprocess",
        "Arguments.ProcessingResources.ClusterConfig.InstanceCount",
        ("a whole number",),
    ),
    Mistake(
        "a number out of range",
        lambda d, s: cluster(s).update(VolumeSizeInGB=0),
        "Preprocess",
        "Arguments.ProcessingResources.ClusterConfig.VolumeSizeInGB",
        ("out of range", "1 at least"),
    ),
    Mistake(
        "a job without an instance type",
        lambda d, s: train(s)["ResourceConfig"].pop("InstanceType"),
        "Train",
        "Arguments.ResourceConfig.InstanceType",
        ("missing", "InstanceGroups"),
    ),
    Mistake(
        "a job without an image",
        lambda d, s: train(s)["AlgorithmSpecification"].pop("TrainingImage"),
        "Train",
        "Arguments.AlgorithmSpecification.TrainingImage",
        ("missing", "AlgorithmName"),
    ),
    Mistake(
        "an environment value that is too long",
        lambda d, s: s["Evaluate"]["Arguments"].update(Environment={"MANIFEST": "x" * 257}),
        "Evaluate",
        "Arguments.Environment.MANIFEST",
        ("257 characters", "256 at most"),
    ),
    Mistake(
        "metadata that is too long",
        lambda d, s: s["RegisterModel"]["Arguments"]["CustomerMetadataProperties"].update(columns="x" * 300),
        "RegisterModel",
        "Arguments.CustomerMetadataProperties.columns",
        ("300 characters", "256 at most"),
    ),
    Mistake(
        "metadata that is too long whatever the run brings",
        lambda d, s: s["RegisterModel"]["Arguments"]["CustomerMetadataProperties"].update(
            note={"Std:Join": {"On": "", "Values": ["x" * 250, get("Parameters.InputUri"), "y" * 10]}}
        ),
        "RegisterModel",
        "Arguments.CustomerMetadataProperties.note",
        ("at least 260 characters", "256 at most"),
    ),
    Mistake(
        "too many metadata entries",
        lambda d, s: s["RegisterModel"]["Arguments"].update(
            CustomerMetadataProperties={f"key{number}": "value" for number in range(51)}
        ),
        "RegisterModel",
        "Arguments.CustomerMetadataProperties",
        ("51 entries", "50 at most"),
    ),
    Mistake(
        "a container environment value that is too long",
        lambda d, s: container(s)["Environment"].update(NOTE="x" * 1025),
        "RegisterModel",
        "Arguments.InferenceSpecification.Containers[0].Environment.NOTE",
        ("1025 characters", "1024 at most"),
    ),
    Mistake(
        "a model package without a group",
        lambda d, s: s["RegisterModel"]["Arguments"].pop("ModelPackageGroupName"),
        "RegisterModel",
        "Arguments.ModelPackageGroupName",
        ("missing",),
    ),
    Mistake(
        "a model package without model data",
        lambda d, s: container(s).pop("ModelDataUrl"),
        "RegisterModel",
        "Arguments.InferenceSpecification.Containers[0].ModelDataUrl",
        ("missing", "ModelDataSource"),
    ),
    Mistake(
        "an instance type the registry does not know",
        lambda d, s: s["RegisterModel"]["Arguments"]["InferenceSpecification"].update(
            SupportedRealtimeInferenceInstanceTypes=["m5.large"]
        ),
        "RegisterModel",
        "Arguments.InferenceSpecification.SupportedRealtimeInferenceInstanceTypes[0]",
        ("m5.large", "ml.m5.large"),
    ),
]
