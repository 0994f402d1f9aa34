"""What every step of one model's graph is made with, and the pieces that several steps have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_code.definition_parameters import RunParameters
from pipeline_code.definition_sentinels import SENTINELS
from pipeline_code.definition_settings import ModelSettings

if TYPE_CHECKING:
    from sagemaker.core.processing import Processor
    from sagemaker.core.shapes import ProcessingInput, ProcessingOutput
    from sagemaker.core.workflow.functions import Join
    from sagemaker.mlops.workflow.retry import RetryPolicy
    from sagemaker.mlops.workflow.steps import CacheConfig, Step

PROCESSING = "/opt/ml/processing"
REPLICATED, SHARDED = "FullyReplicated", "ShardedByS3Key"


@dataclass(frozen=True)
class Context:
    """The settings, the run's parameters, and what the SDK wants to be told each time."""

    model: ModelSettings
    session: Any
    image: str
    parameters: RunParameters

    def processor(self, command: str, *, instances: int) -> Processor:
        """The container of a processing step: isolated, encrypted, running one command of the code archive."""
        from sagemaker.core.network import NetworkConfig
        from sagemaker.core.processing import Processor

        compute = self.model.processing
        return Processor(
            role=SENTINELS["job_role"],
            image_uri=self.image,
            instance_type=self.parameters.processing_instance_type,
            instance_count=instances,
            volume_size_in_gb=compute.volume_size_gb,
            max_runtime_in_seconds=compute.max_runtime_seconds,
            volume_kms_key=SENTINELS["kms_key"],
            output_kms_key=SENTINELS["kms_key"],
            entrypoint=["python3", f"{PROCESSING}/input/code/{SENTINELS['code_zip_key']}", command],
            network_config=NetworkConfig(
                enable_network_isolation=True, encrypt_inter_container_traffic=True if instances > 1 else None
            ),
            sagemaker_session=self.session,
        )

    def run_uri(self, *path: str) -> Join:
        """A place below the run's own prefix in the artifact bucket."""
        return _of_the_run(f"s3://{SENTINELS['artifact_bucket']}/runs", *path)

    def quarantine_uri(self) -> Join:
        """Where a run puts the rows it refuses; not below runs/, which is kept for what models are made of."""
        return _of_the_run(f"s3://{SENTINELS['artifact_bucket']}/quarantine/{self.model.name}/runs")

    def cache(self) -> CacheConfig | None:
        from sagemaker.mlops.workflow.steps import CacheConfig

        expire_after = self.model.cache_expire_after
        return CacheConfig(enable_caching=True, expire_after=expire_after) if expire_after else None


def call_retries() -> list[RetryPolicy]:
    """Of a call that SageMaker does not answer, within minutes: for steps that create something, but no job."""
    from sagemaker.mlops.workflow import retry

    faults = retry.StepExceptionTypeEnum
    return [retry.StepRetryPolicy([faults.SERVICE_FAULT, faults.THROTTLING], interval_seconds=2, max_attempts=6)]


def job_retries() -> list[RetryPolicy]:
    """Faults of the service: of the call that creates a job within minutes, of the job itself within the hour.

    Capacity and quotas take longer to come back. What our own code refuses is never tried again.
    """
    from sagemaker.mlops.workflow import retry

    faults = retry.SageMakerJobExceptionTypeEnum
    room = [faults.CAPACITY_ERROR, faults.RESOURCE_LIMIT]
    return [
        *call_retries(),
        retry.SageMakerJobStepRetryPolicy([faults.INTERNAL_ERROR], interval_seconds=10, max_attempts=3),
        retry.SageMakerJobStepRetryPolicy(room, interval_seconds=60, max_attempts=6),
    ]


@dataclass(frozen=True)
class Trained:
    """The step that makes the model, and where the model lies."""

    step: Step
    model_uri: Any


def processing_input(name: str, uri: Any, *, folder: str = "", distribution: str = "") -> ProcessingInput:
    """An input below input/, in a folder named after it unless another is given."""
    from sagemaker.core.shapes import ProcessingInput, ProcessingS3Input

    return ProcessingInput(
        input_name=name,
        s3_input=ProcessingS3Input(
            s3_uri=uri,
            local_path=f"{PROCESSING}/input/{folder or name}",
            s3_data_type="S3Prefix",
            s3_input_mode="File",
            s3_data_distribution_type=distribution or REPLICATED,
        ),
    )


def code_input() -> ProcessingInput:
    return processing_input("code", f"s3://{SENTINELS['code_bucket']}/{SENTINELS['code_zip_key']}")


def processing_output(name: str, uri: Any, *, continuous: bool = False) -> ProcessingOutput:
    """An output below output/. A continuous one is there even if the step fails later."""
    from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output

    return ProcessingOutput(
        output_name=name,
        s3_output=ProcessingS3Output(
            s3_uri=uri,
            local_path=f"{PROCESSING}/output/{name}",
            s3_upload_mode="Continuous" if continuous else "EndOfJob",
        ),
    )


def output_uri(step: Any, output: str) -> Any:
    """Where a step really wrote: with step caching that may be another run's prefix."""
    return step.properties.ProcessingOutputConfig.Outputs[output].S3Output.S3Uri


def file_uri(step: Any, output: str, file: str) -> Join:
    from sagemaker.core.workflow.functions import Join

    return Join(on="/", values=[output_uri(step, output), file])


def _of_the_run(prefix: str, *path: str) -> Join:
    from sagemaker.core.workflow.execution_variables import ExecutionVariables
    from sagemaker.core.workflow.functions import Join

    return Join(on="/", values=[prefix, ExecutionVariables.PIPELINE_EXECUTION_ID, *path])
