"""Which SageMaker API each type of step becomes, and the shapes of its request and of what it can be asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape, StructureShape


@dataclass(frozen=True)
class Alternatives:
    """Members of which one group must be given although the service model marks none as required."""

    at: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]

    @property
    def text(self) -> str:
        return ", or ".join(" and ".join(group) for group in self.groups)


@dataclass(frozen=True)
class Api:
    """The API behind a type of step: what `Arguments` must be and what `Steps.<name>.` may name."""

    request: str
    described_by: tuple[str, ...]
    named_by_pipeline: str = ""
    needs: tuple[Alternatives, ...] = ()


APIS = {
    "Processing": Api(
        "CreateProcessingJobRequest",
        ("DescribeProcessingJobResponse",),
        "ProcessingJobName",
        (
            Alternatives(
                ("ProcessingResources", "ClusterConfig"),
                (("InstanceType", "InstanceCount"), ("InstancePreferences",)),
            ),
            Alternatives(("ProcessingInputs", "*"), (("S3Input",), ("DatasetDefinition",))),
            Alternatives(("ProcessingOutputConfig", "Outputs", "*"), (("S3Output",), ("FeatureStoreOutput",))),
        ),
    ),
    "Training": Api(
        "CreateTrainingJobRequest",
        ("DescribeTrainingJobResponse",),
        "TrainingJobName",
        (
            Alternatives((), (("AlgorithmSpecification", "ResourceConfig"), ("ServerlessJobConfig",))),
            Alternatives((), (("StoppingCondition",), ("ServerlessJobConfig",))),
            Alternatives(("AlgorithmSpecification",), (("TrainingImage",), ("AlgorithmName",))),
            Alternatives(
                ("ResourceConfig",),
                (("InstanceType", "InstanceCount"), ("InstanceGroups",), ("InstancePreferences",)),
            ),
            Alternatives(("ResourceConfig",), (("VolumeSizeInGB",),)),
            Alternatives(
                ("InputDataConfig", "*", "DataSource"),
                (("S3DataSource",), ("FileSystemDataSource",), ("DatasetSource",)),
            ),
        ),
    ),
    "Tuning": Api(
        "CreateHyperParameterTuningJobRequest",
        (
            "DescribeHyperParameterTuningJobResponse",
            "ListTrainingJobsForHyperParameterTuningJobResponse",
        ),
        "HyperParameterTuningJobName",
        (Alternatives((), (("TrainingJobDefinition",), ("TrainingJobDefinitions",))),),
    ),
    "Transform": Api("CreateTransformJobRequest", ("DescribeTransformJobResponse",), "TransformJobName"),
    "Model": Api(
        "CreateModelInput",
        ("DescribeModelOutput",),
        "ModelName",
        (
            Alternatives((), (("ExecutionRoleArn",),)),
            Alternatives((), (("PrimaryContainer",), ("Containers",))),
            Alternatives(("PrimaryContainer",), (("Image",), ("ModelPackageName",))),
            Alternatives(("Containers", "*"), (("Image",), ("ModelPackageName",))),
        ),
    ),
    "RegisterModel": Api(
        "CreateModelPackageInput",
        ("DescribeModelPackageOutput",),
        "",
        (
            Alternatives((), (("ModelPackageGroupName",), ("ModelPackageName",))),
            Alternatives((), (("InferenceSpecification",), ("SourceAlgorithmSpecification",))),
            Alternatives(("InferenceSpecification", "Containers", "*"), (("Image",),)),
            Alternatives(("InferenceSpecification", "Containers", "*"), (("ModelDataUrl",), ("ModelDataSource",))),
        ),
    ),
    "AutoML": Api("CreateAutoMLJobRequest", ("DescribeAutoMLJobResponse",), "AutoMLJobName"),
    "EndpointConfig": Api("CreateEndpointConfigInput", ("DescribeEndpointConfigOutput",), "EndpointConfigName"),
    "Endpoint": Api("CreateEndpointInput", ("DescribeEndpointOutput",), "EndpointName"),
}

# Their arguments are no SageMaker request that could be checked: own rules, or only their expressions are checked.
OWN_RULES = frozenset({"Condition", "Fail", "Lambda", "Callback"})
EXPRESSIONS_ONLY = frozenset(
    {
        "QualityCheck",
        "ClarifyCheck",
        "EMR",
        "EMRServerless",
        "InferenceComponent",
        "Lineage",
        "Job",
        "Cleanup",
        "ForEach",
    }
)
STEP_TYPES = frozenset(APIS) | OWN_RULES | EXPRESSIONS_ONLY


@cache
def service_model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


@cache
def structure(name: str) -> StructureShape:
    shape = service_model().shape_for(name)
    assert isinstance(shape, StructureShape)
    return shape


@cache
def members(shape: StructureShape) -> dict[str, Shape]:
    return dict(shape.members)


def described(step_type: str) -> Iterator[StructureShape]:
    api = APIS.get(step_type)
    for name in api.described_by if api else ():
        yield structure(name)
