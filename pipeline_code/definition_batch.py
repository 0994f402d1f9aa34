"""The graph of batch scoring: one uploaded file through the live model. `stacks/batch.py` calls `build` at synth.

    text = definition_batch.build(model, region="ap-northeast-2")    # JSON with stand-ins, deterministic
    stacks.definition_validator.require_valid(text, pipeline=pipeline_name(model.name))
    text = definition_batch.fill(text, {"job_role": role.arn, "resolve_champion": function_arn, ...})

    ResolveLive -> HasModel -> Prepare, CreateModel -> Score
                            -> NoModel, which fails the run

Everything a run writes lies under s3://<artifact bucket>/batch/<model>/: rows/<execution id>/ (what Score reads),
quarantine/<execution id>/ (what cannot be scored, and why), outputs/<execution id>/part-*.jsonl.out. Nothing is
cached: a run is asked for by an upload, and the live model may be another one by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_code.definition import image_uri
from pipeline_code.definition_context import (
    PROCESSING,
    call_retries,
    code_input,
    job_retries,
    output_uri,
    processing_input,
    processing_output,
)
from pipeline_code.definition_functions import CHAMPION
from pipeline_code.definition_offline import offline, offline_session
from pipeline_code.definition_register import SERVING_ENVIRONMENT
from pipeline_code.definition_sentinels import SENTINELS
from pipeline_code.definition_sentinels import fill as fill_all
from pipeline_code.definition_settings import ModelSettings

if TYPE_CHECKING:
    from sagemaker.core.workflow.functions import Join
    from sagemaker.core.workflow.parameters import Parameter
    from sagemaker.mlops.workflow.condition_step import ConditionStep
    from sagemaker.mlops.workflow.lambda_step import LambdaStep
    from sagemaker.mlops.workflow.model_step import ModelStep
    from sagemaker.mlops.workflow.steps import ProcessingStep, TransformStep

_USED = ("job_role", "kms_key", "artifact_bucket", "code_bucket", "code_zip_key", "resolve_champion")
STAND_INS: Mapping[str, str] = {name: SENTINELS[name] for name in _USED}
SUFFIX = "-batch"
NO_MODEL = "none"
"""What the function answers as version when no version is served or approved."""
JSON_LINES = "application/jsonlines"
PAYLOAD_MB = 6


def pipeline_name(model: str) -> str:
    return f"{model}{SUFFIX}"


def build(model: ModelSettings, *, region: str) -> str:
    """The definition of the model's batch pipeline as JSON with the stand-ins of STAND_INS in it.

    Same settings and region, same text. Raises AwsCallError if the SDK tried to call AWS.
    """
    image = image_uri(region)
    with offline(region):
        session = offline_session(region, bucket=STAND_INS["artifact_bucket"])
        return _Graph(model, session, image, BatchParameters.of(model)).definition()


def fill(text: str, values: Mapping[str, str]) -> str:
    """The definition with the values in the place of their stand-ins."""
    return fill_all(text, values, stand_ins=STAND_INS)


@dataclass(frozen=True)
class BatchParameters:
    """What one may change per run, in the order in which it is shown."""

    input_uri: Parameter
    output_prefix: Parameter
    processing_instance_type: Parameter
    transform_instance_type: Parameter
    max_payload: Parameter

    @classmethod
    def of(cls, model: ModelSettings) -> BatchParameters:
        from sagemaker.core.workflow.parameters import ParameterInteger, ParameterString

        return cls(
            input_uri=ParameterString("InputUri"),
            output_prefix=ParameterString("OutputPrefix", _batch_uri(model.name, "outputs")),
            processing_instance_type=ParameterString("ProcessingInstanceType", model.processing.instance_type),
            transform_instance_type=ParameterString("TransformInstanceType", model.serving_instance_types[0]),
            max_payload=ParameterInteger("MaxPayloadInMB", PAYLOAD_MB),
        )

    def all(self) -> list[Parameter]:
        return list(vars(self).values())


@dataclass(frozen=True)
class _Graph:
    """The steps; a step to add is one method here and one entry in `definition`."""

    model: ModelSettings
    session: Any
    image: str
    parameters: BatchParameters

    def definition(self) -> str:
        from sagemaker.mlops.workflow.pipeline import Pipeline

        live = self._resolve_live()
        pipeline = Pipeline(
            name=pipeline_name(self.model.name),
            parameters=self.parameters.all(),
            pipeline_experiment_config=None,
            steps=[live, self._has_model(live)],
            sagemaker_session=self.session,
        )
        return str(pipeline.definition())

    def _resolve_live(self) -> LambdaStep:
        from sagemaker.core.lambda_helper import Lambda
        from sagemaker.mlops.workflow.lambda_step import LambdaOutput, LambdaStep

        return LambdaStep(
            "ResolveLive",
            lambda_func=Lambda(function_arn=STAND_INS["resolve_champion"], session=self.session),
            display_name="ResolveLive",
            description="Find the version that is served, or the newest approved one",
            inputs={"model": self.model.name},
            outputs=[LambdaOutput(name) for name in CHAMPION],
        )

    def _has_model(self, live: LambdaStep) -> ConditionStep:
        from sagemaker.core.workflow.conditions import ConditionEquals, ConditionNot
        from sagemaker.mlops.workflow.condition_step import ConditionStep
        from sagemaker.mlops.workflow.fail_step import FailStep

        found = live.properties.Outputs
        prepare, model = self._prepare(found["model_uri"]), self._create_model(found["model_uri"])
        nothing = FailStep(
            "NoModel",
            error_message=f"There is no approved model of {self.model.name}: approve a version, then upload again.",
            display_name="NoModel",
            description="End the run: there is nothing to score with",
        )
        return ConditionStep(
            "HasModel",
            conditions=[ConditionNot(ConditionEquals(left=found["version"], right=NO_MODEL))],
            if_steps=[prepare, model, self._score(prepare, model)],
            else_steps=[nothing],
            display_name="HasModel",
            description="Go on only if some version is approved",
        )

    def _prepare(self, model_uri: Any) -> ProcessingStep:
        from sagemaker.core.network import NetworkConfig
        from sagemaker.core.processing import Processor
        from sagemaker.mlops.workflow.steps import ProcessingStep

        compute = self.model.processing
        processor = Processor(
            role=STAND_INS["job_role"],
            image_uri=self.image,
            instance_type=self.parameters.processing_instance_type,
            instance_count=1,
            volume_size_in_gb=compute.volume_size_gb,
            max_runtime_in_seconds=compute.max_runtime_seconds,
            volume_kms_key=STAND_INS["kms_key"],
            output_kms_key=STAND_INS["kms_key"],
            entrypoint=["python3", f"{PROCESSING}/input/code/{STAND_INS['code_zip_key']}", "prepare-batch"],
            network_config=NetworkConfig(enable_network_isolation=True),
            sagemaker_session=self.session,
        )
        arguments = processor.run(
            inputs=[
                processing_input("data", self.parameters.input_uri),
                processing_input("model", model_uri),
                code_input(),
            ],
            outputs=[
                processing_output("rows", self._run_uri("rows")),
                processing_output("quarantine", self._run_uri("quarantine"), continuous=True),
            ],
            arguments=[
                *("--data", f"{PROCESSING}/input/data"),
                *("--model", f"{PROCESSING}/input/model"),
                *("--output", f"{PROCESSING}/output"),
                *("--max-payload-mb", self.parameters.max_payload.to_string()),
            ],
        )
        return ProcessingStep(
            "Prepare",
            step_args=arguments,
            display_name="Prepare",
            description="Check the rows against the model's columns; what cannot be scored goes into quarantine",
            retry_policies=job_retries(),
        )

    def _create_model(self, model_uri: Any) -> ModelStep:
        from sagemaker.mlops.workflow.model_step import ModelStep

        self.session.init_model_step_arguments(_Model(self.session))
        self.session.create_model(
            name=None,
            role=STAND_INS["job_role"],
            container_defs={
                "Image": self.image,
                "ModelDataUrl": model_uri,
                "Environment": SERVING_ENVIRONMENT,
            },
            enable_network_isolation=True,
        )
        return ModelStep(
            "CreateModel",
            step_args=self.session.context,
            display_name="CreateModel",
            description="The live version as what a transform job runs",
            retry_policies=call_retries(),
        )

    def _score(self, prepare: ProcessingStep, model: ModelStep) -> TransformStep:
        from sagemaker.core.transformer import Transformer
        from sagemaker.core.workflow.execution_variables import ExecutionVariables
        from sagemaker.core.workflow.functions import Join
        from sagemaker.mlops.workflow.steps import TransformStep

        transformer = Transformer(
            model_name=model.properties.ModelName,
            instance_count=1,
            instance_type=self.parameters.transform_instance_type,
            strategy="MultiRecord",
            max_payload=self.parameters.max_payload,
            accept=JSON_LINES,
            assemble_with="Line",
            output_path=Join(on="/", values=[self.parameters.output_prefix, ExecutionVariables.PIPELINE_EXECUTION_ID]),
            output_kms_key=STAND_INS["kms_key"],
            volume_kms_key=STAND_INS["kms_key"],
            sagemaker_session=self.session,
        )
        arguments = transformer.transform(
            data=output_uri(prepare, "rows"),
            content_type=JSON_LINES,
            split_type="Line",
            # The model gets the features alone; each result line says whose it is.
            join_source="Input",
            input_filter="$.features",
            output_filter="$['row','key','SageMakerOutput']",
        )
        return TransformStep(
            "Score",
            step_args=arguments,
            display_name="Score",
            description="Send every row through the model",
            retry_policies=job_retries(),
        )

    def _run_uri(self, purpose: str) -> Join:
        from sagemaker.core.workflow.execution_variables import ExecutionVariables
        from sagemaker.core.workflow.functions import Join

        return Join(on="/", values=[_batch_uri(self.model.name, purpose), ExecutionVariables.PIPELINE_EXECUTION_ID])


@dataclass(frozen=True)
class _Model:
    """Whose request it is, as the SDK wants to know; its ModelBuilder would want an archive to look into."""

    sagemaker_session: Any


def _batch_uri(model: str, purpose: str) -> str:
    return f"s3://{STAND_INS['artifact_bucket']}/batch/{model}/{purpose}"
