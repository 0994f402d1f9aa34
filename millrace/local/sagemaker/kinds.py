"""The kinds of SageMaker resources: what is special about each, in one line. `resources.py` does the rest."""

from __future__ import annotations

from dataclasses import dataclass

from millrace.local.sagemaker.store import Place

ASCENDING, DESCENDING = "Ascending", "Descending"


@dataclass(frozen=True)
class Kind:
    """`name` as in Create<name>; `path` is the ARN's resource type; messages take the ARN and the name."""

    name: str
    path: str
    plural: str
    order: str = ASCENDING
    status: str | None = None
    missing: str = ""
    missing_code: str = "ValidationException"
    exists: str = ""
    exists_code: str = "ValidationException"

    @property
    def key(self) -> str:
        return f"{self.name}Name"

    @property
    def arn_key(self) -> str:
        return f"{self.name}Arn"

    def arn(self, place: Place, name: str) -> str:
        return f"arn:aws:sagemaker:{place.region}:{place.account}:{self.path}/{name}"


JOB_EXISTS = "Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})"

# fmt: off
PROCESSING_JOB = Kind("ProcessingJob", "processing-job", "ProcessingJobs", status="ProcessingJobStatus", missing="Could not find requested job with name: {name}", exists=JOB_EXISTS, exists_code="ResourceInUse")  # noqa: E501
TRAINING_JOB = Kind("TrainingJob", "training-job", "TrainingJobs", status="TrainingJobStatus", missing="Requested resource not found.", exists=JOB_EXISTS, exists_code="ResourceInUse")  # noqa: E501
TUNING_JOB = Kind("HyperParameterTuningJob", "hyper-parameter-tuning-job", "HyperParameterTuningJobs", DESCENDING, status="HyperParameterTuningJobStatus", missing="Requested resource not found.", missing_code="ResourceNotFound", exists=JOB_EXISTS, exists_code="ResourceInUse")  # noqa: E501
TRANSFORM_JOB = Kind("TransformJob", "transform-job", "TransformJobs", DESCENDING, status="TransformJobStatus", missing='Could not find requested job with name: {name}', missing_code="ResourceNotFound", exists=JOB_EXISTS, exists_code="ResourceInUse")  # noqa: E501
MODEL = Kind("Model", "model", "Models", DESCENDING, missing='Could not find model "{arn}".', exists='Cannot create already existing model "{arn}".')  # noqa: E501
MODEL_PACKAGE_GROUP = Kind("ModelPackageGroup", "model-package-group", "ModelPackageGroups", status="ModelPackageGroupStatus", missing="ModelPackageGroup {arn} does not exist.", exists="Model Package Group already exists: {arn}")  # noqa: E501
MODEL_PACKAGE = Kind("ModelPackage", "model-package", "ModelPackages", status="ModelPackageStatus", missing="ModelPackage {arn} does not exist.", exists="Model Package already exists: {arn}")  # noqa: E501
ENDPOINT_CONFIG = Kind("EndpointConfig", "endpoint-config", "EndpointConfigs", DESCENDING, missing='Could not find endpoint configuration "{arn}".', exists='Cannot create already existing endpoint configuration "{arn}".')  # noqa: E501
ENDPOINT = Kind("Endpoint", "endpoint", "Endpoints", DESCENDING, status="EndpointStatus", missing='Could not find endpoint "{arn}".', exists='Cannot create already existing endpoint "{arn}".')  # noqa: E501
# fmt: on
