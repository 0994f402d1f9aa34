"""The step that makes the model: Train, or Tune when the settings search for hyperparameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_code.definition_context import Context, Trained, job_retries, output_uri
from pipeline_code.definition_sentinels import SENTINELS
from pipeline_code.definition_tune import tune_step

if TYPE_CHECKING:
    from sagemaker.core.training.configs import InputData
    from sagemaker.mlops.workflow.steps import ProcessingStep, TrainingStep

CHANNELS = {"train": "application/x-parquet", "validation": "application/x-parquet", "features": "application/json"}


def train_step(context: Context, preprocess: ProcessingStep) -> Trained:
    step = _training(context, preprocess)
    if context.model.tuning:
        return tune_step(context, step.arguments)
    return Trained(step, step.properties.ModelArtifacts.S3ModelArtifacts)


def _training(context: Context, preprocess: ProcessingStep) -> TrainingStep:
    from sagemaker.core.training.configs import Compute, Networking, OutputDataConfig, StoppingCondition
    from sagemaker.mlops.workflow.steps import TrainingStep
    from sagemaker.train.model_trainer import ModelTrainer

    compute, key = context.model.training, SENTINELS["kms_key"]
    trainer = ModelTrainer(
        sagemaker_session=context.session,
        role=SENTINELS["job_role"],
        training_image=context.image,
        compute=Compute(
            instance_type=context.parameters.training_instance_type,
            instance_count=compute.instance_count,
            volume_size_in_gb=compute.volume_size_gb,
            volume_kms_key_id=key,
        ),
        networking=Networking(
            enable_network_isolation=True,
            enable_inter_container_traffic_encryption=compute.instance_count > 1,
        ),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=compute.max_runtime_seconds),
        output_data_config=OutputDataConfig(s3_output_path=context.run_uri("train"), kms_key_id=key),
        hyperparameters=context.parameters.hyperparameters(context.model),
        environment={"PIP_NO_BUILD_ISOLATION": "0"},
    )  # no metric definitions: SageMaker has its own for its own images, and takes no others
    return TrainingStep(
        "Train",
        step_args=trainer.train(input_data_config=_channels(preprocess)),
        display_name="Train",
        description="Train XGBoost, and choose the decision threshold where there is one",
        cache_config=context.cache(),
        retry_policies=job_retries(),
    )


def _channels(preprocess: ProcessingStep) -> list[InputData]:
    from sagemaker.core.training.configs import InputData

    code = f"s3://{SENTINELS['code_bucket']}/{SENTINELS['code_tar_key']}"
    return [
        *(
            InputData(channel_name=name, data_source=output_uri(preprocess, name), content_type=content_type)
            for name, content_type in CHANNELS.items()
        ),
        InputData(channel_name="code", data_source=code, content_type="application/gzip"),
    ]
