"""The graph of the pipeline: settings in, definition JSON out. `stacks/build.py` calls `build` at synth.

Only the `definition*` modules import the SageMaker SDK, and they do so inside functions: importing it costs
seconds. What only CloudFormation knows stands in the text as a sentinel (`definition_sentinels.fill`).

    text = definition.build(model, region="ap-northeast-2")    # JSON with stand-ins, deterministic
    stacks.definition_validator.require_valid(text, pipeline=model.name)
    text = definition.fill(text, {"job_role": role.role_arn, "code_zip_key": step_code.zip_key, ...})

Everything a run writes lies under s3://<artifact bucket>/runs/<pipeline execution id>/: preprocess/{train,
validation,test,features}/, train/<training job>/output/model.tar.gz, evaluate/{evaluation.json,report.html}.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_code.definition_offline import AwsCallError, offline, offline_session
from pipeline_code.definition_parameters import RunParameters
from pipeline_code.definition_sentinels import SENTINELS, SentinelError, fill
from pipeline_code.definition_settings import ModelSettings

if TYPE_CHECKING:
    from sagemaker.core.processing import Processor
    from sagemaker.core.shapes import ProcessingInput, ProcessingOutput
    from sagemaker.core.workflow.functions import Join
    from sagemaker.mlops.workflow.condition_step import ConditionStep
    from sagemaker.mlops.workflow.fail_step import FailStep
    from sagemaker.mlops.workflow.model_step import ModelStep
    from sagemaker.mlops.workflow.steps import ProcessingStep, Step, TrainingStep

__all__ = ["SENTINELS", "AwsCallError", "ModelSettings", "SentinelError", "build", "fill", "image_uri"]

IMAGE_VERSION = "3.2-0"
PROCESSING = "/opt/ml/processing"


def image_uri(region: str) -> str:
    """The XGBoost image all steps and the endpoint use."""
    with offline(region):
        return _image_uri(region)


def build(model: ModelSettings, *, region: str) -> str:
    """The definition of the model's pipeline as JSON with the stand-ins of SENTINELS in it.

    Same settings and region, same text. Raises AwsCallError if the SDK tried to call AWS.
    """
    with offline(region):
        return _Graph(
            model=model, region=region, session=offline_session(region, bucket=SENTINELS["artifact_bucket"])
        ).definition()


def _image_uri(region: str) -> str:
    from sagemaker.core import image_uris

    return str(image_uris.retrieve("xgboost", region, version=IMAGE_VERSION))


@dataclass(frozen=True)
class _Graph:
    """The steps; a step to add is one method here and one entry in `definition`."""

    model: ModelSettings
    region: str
    session: Any

    def definition(self) -> str:
        from sagemaker.mlops.workflow.pipeline import Pipeline

        parameters = RunParameters.of(self.model)
        preprocess = self._preprocess(parameters)
        train = self._train(parameters, preprocess)
        evaluate = self._evaluate(parameters, preprocess, train)
        gate = self._gate(parameters, evaluate, self._register(parameters, train, evaluate))
        pipeline = Pipeline(
            name=self.model.name,
            parameters=parameters.all(),
            pipeline_experiment_config=None,
            steps=[preprocess, train, evaluate, gate],
            sagemaker_session=self.session,
        )
        return str(pipeline.definition())

    def _preprocess(self, parameters: RunParameters) -> ProcessingStep:
        from sagemaker.mlops.workflow.steps import ProcessingStep

        outputs = ("train", "validation", "test", "features")
        arguments = self._processor("preprocess", parameters).run(
            inputs=[_input("data", parameters.input_uri), _code_input()],
            outputs=[_output(name, self._run_uri("preprocess", name), f"output/{name}") for name in outputs],
            arguments=["--data", f"{PROCESSING}/input/data", "--output", f"{PROCESSING}/output"],
        )
        return ProcessingStep(
            "Preprocess",
            step_args=arguments,
            display_name="Preprocess",
            description="Join the tables, split the rows and fit the features on the training part",
        )

    def _train(self, parameters: RunParameters, preprocess: ProcessingStep) -> TrainingStep:
        from sagemaker.core.training.configs import Compute, InputData, Networking, OutputDataConfig, StoppingCondition
        from sagemaker.mlops.workflow.steps import TrainingStep
        from sagemaker.train.model_trainer import ModelTrainer

        compute = self.model.training
        trainer = ModelTrainer(
            sagemaker_session=self.session,
            role=SENTINELS["job_role"],
            training_image=_image_uri(self.region),
            compute=Compute(
                instance_type=parameters.training_instance_type,
                instance_count=compute.instance_count,
                volume_size_in_gb=compute.volume_size_gb,
                volume_kms_key_id=SENTINELS["kms_key"],
            ),
            networking=Networking(enable_network_isolation=True),
            stopping_condition=StoppingCondition(max_runtime_in_seconds=compute.max_runtime_seconds),
            output_data_config=OutputDataConfig(s3_output_path=self._run_uri("train"), kms_key_id=SENTINELS["kms_key"]),
            hyperparameters=parameters.hyperparameters(self.model),
            environment={"PIP_NO_BUILD_ISOLATION": "0"},
        ).with_metric_definitions(_metric_definitions())
        channels = [
            InputData(channel_name=name, data_source=_output_uri(preprocess, name), content_type=content_type)
            for name, content_type in (
                ("train", "text/csv"),
                ("validation", "text/csv"),
                ("features", "application/json"),
            )
        ]
        code = f"s3://{SENTINELS['code_bucket']}/{SENTINELS['code_tar_key']}"
        channels.append(InputData(channel_name="code", data_source=code, content_type="application/gzip"))
        return TrainingStep(
            "Train",
            step_args=trainer.train(input_data_config=channels),
            display_name="Train",
            description="Train XGBoost and choose the decision threshold from the stated costs",
        )

    def _evaluate(self, parameters: RunParameters, preprocess: ProcessingStep, train: TrainingStep) -> ProcessingStep:
        from sagemaker.core.workflow.properties import PropertyFile
        from sagemaker.mlops.workflow.steps import ProcessingStep

        arguments = self._processor("evaluate", parameters).run(
            inputs=[
                _input("model", train.properties.ModelArtifacts.S3ModelArtifacts),
                _input("test", _output_uri(preprocess, "test")),
                _code_input(),
            ],
            outputs=[_output("evaluation", self._run_uri("evaluate"), "output/evaluation")],
            arguments=[
                *("--model", f"{PROCESSING}/input/model"),
                *("--test", f"{PROCESSING}/input/test"),
                *("--output", f"{PROCESSING}/output/evaluation"),
                *("--auc-floor", parameters.auc_floor.to_string()),
            ],
        )
        return ProcessingStep(
            "Evaluate",
            step_args=arguments,
            display_name="Evaluate",
            description="Measure the model on the test part and write the report",
            property_files=[PropertyFile("Evaluation", output_name="evaluation", path="evaluation.json")],
        )

    def _register(self, parameters: RunParameters, train: TrainingStep, evaluate: ProcessingStep) -> ModelStep:
        from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
        from sagemaker.core.workflow.execution_variables import ExecutionVariables
        from sagemaker.mlops.workflow.model_step import ModelStep
        from sagemaker.serve.model_builder import ModelBuilder

        builder = ModelBuilder(
            sagemaker_session=self.session,
            role_arn=SENTINELS["job_role"],
            image_uri=_image_uri(self.region),
            s3_model_data_url=train.properties.ModelArtifacts.S3ModelArtifacts,
            env_vars={
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
                "PIP_NO_BUILD_ISOLATION": "0",
            },
        )
        statistics = MetricsSource(content_type="application/json", s3_uri=_evaluation_uri(evaluate, "evaluation.json"))
        types = list(self.model.serving_instance_types)
        request = builder.register(
            model_package_group_name=self.model.name,
            content_types=["text/csv", "application/json"],
            response_types=["application/json", "text/csv"],
            inference_instances=types,
            transform_instances=types,
            approval_status=parameters.approval_status,
            model_metrics=ModelMetrics(model_statistics=statistics),
            customer_metadata_properties={
                "report_uri": _evaluation_uri(evaluate, "report.html"),
                "run": ExecutionVariables.PIPELINE_EXECUTION_ID,
                "input_uri": parameters.input_uri,
                "correlation_id": parameters.correlation_id,
            },
        )
        return ModelStep(
            "RegisterModel",
            step_args=request,
            display_name="RegisterModel",
            description="Add the model to the registry, waiting for approval",
        )

    def _gate(self, parameters: RunParameters, evaluate: ProcessingStep, register: Step) -> ConditionStep:
        from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo
        from sagemaker.core.workflow.functions import JsonGet
        from sagemaker.mlops.workflow.condition_step import ConditionStep

        auc = JsonGet(
            step_name=evaluate.name,
            property_file="Evaluation",
            json_path="binary_classification_metrics.auc.value",
        )
        return ConditionStep(
            "Gate",
            conditions=[ConditionGreaterThanOrEqualTo(left=auc, right=parameters.auc_floor)],
            if_steps=[register],
            else_steps=[self._below_floor(evaluate)],
            display_name="Gate",
            description="Register the model only if its AUC on the test part reaches AucFloor",
        )

    def _below_floor(self, evaluate: ProcessingStep) -> FailStep:
        from sagemaker.core.workflow.functions import Join
        from sagemaker.mlops.workflow.fail_step import FailStep

        reason = "The model's AUC on the test part is below AucFloor, so it was not registered. Report:"
        return FailStep(
            "BelowFloor",
            error_message=Join(on=" ", values=[reason, _evaluation_uri(evaluate, "report.html")]),
            display_name="BelowFloor",
            description="End the run: the model is not good enough",
        )

    def _processor(self, command: str, parameters: RunParameters) -> Processor:
        from sagemaker.core.network import NetworkConfig
        from sagemaker.core.processing import Processor

        compute = self.model.processing
        return Processor(
            role=SENTINELS["job_role"],
            image_uri=_image_uri(self.region),
            instance_type=parameters.processing_instance_type,
            instance_count=compute.instance_count,
            volume_size_in_gb=compute.volume_size_gb,
            max_runtime_in_seconds=compute.max_runtime_seconds,
            volume_kms_key=SENTINELS["kms_key"],
            output_kms_key=SENTINELS["kms_key"],
            entrypoint=["python3", f"{PROCESSING}/input/code/{SENTINELS['code_zip_key']}", command],
            network_config=NetworkConfig(enable_network_isolation=True),
            sagemaker_session=self.session,
        )

    def _run_uri(self, *path: str) -> Join:
        from sagemaker.core.workflow.execution_variables import ExecutionVariables
        from sagemaker.core.workflow.functions import Join

        runs = f"s3://{SENTINELS['artifact_bucket']}/runs"
        return Join(on="/", values=[runs, ExecutionVariables.PIPELINE_EXECUTION_ID, *path])


def _input(name: str, uri: Any) -> ProcessingInput:
    from sagemaker.core.shapes import ProcessingInput, ProcessingS3Input

    return ProcessingInput(
        input_name=name,
        s3_input=ProcessingS3Input(
            s3_uri=uri, local_path=f"{PROCESSING}/input/{name}", s3_data_type="S3Prefix", s3_input_mode="File"
        ),
    )


def _code_input() -> ProcessingInput:
    return _input("code", f"s3://{SENTINELS['code_bucket']}/{SENTINELS['code_zip_key']}")


def _output(name: str, uri: Any, path: str) -> ProcessingOutput:
    from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output

    return ProcessingOutput(
        output_name=name,
        s3_output=ProcessingS3Output(s3_uri=uri, local_path=f"{PROCESSING}/{path}", s3_upload_mode="EndOfJob"),
    )


def _output_uri(step: ProcessingStep, output: str) -> Any:
    return step.properties.ProcessingOutputConfig.Outputs[output].S3Output.S3Uri


def _evaluation_uri(evaluate: ProcessingStep, file: str) -> Join:
    """Where Evaluate really wrote: with step caching that may be another run's prefix."""
    from sagemaker.core.workflow.functions import Join

    return Join(on="/", values=[_output_uri(evaluate, "evaluation"), file])


def _metric_definitions() -> list[Any]:
    from sagemaker.core.shapes import MetricDefinition

    number = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
    return [MetricDefinition(name=f"{part}:auc", regex=f"{part}-auc:{number}") for part in ("train", "validation")]
