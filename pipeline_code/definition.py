"""The graph of the pipeline: settings in, definition JSON out. `stacks/model_pipeline.py` calls `build` at synth.

Only the `definition*` modules import the SageMaker SDK, and they do so inside functions: importing it costs
seconds. What only CloudFormation knows stands in the text as a sentinel (`definition_sentinels.fill`).

    text = definition.build(model, region="ap-northeast-2")    # JSON with stand-ins, deterministic
    stacks.definition_validator.require_valid(text, pipeline=model.name)
    text = definition.fill(text, {"job_role": role.role_arn, "code_zip_key": step_code.zip_key, ...})

    ResolveChampion ------------------.
    Preprocess -> Train, or Tune ------> Evaluate -> Gate          -> ReadVerdict -> RegisterModel
                                                  -> FloorReached  -> BelowFloor
                                                  -> EnoughRows    -> TooFewPositives, or TooFewRows

Everything a run writes lies under s3://<artifact bucket>/runs/<pipeline execution id>/: preprocess/{train,
validation,test,features}/, train/<training job>/output/model.tar.gz, evaluate/{evaluation.json,verdict.json,
report.html}; but for the rows it refuses: quarantine/<model>/runs/<pipeline execution id>/.
"""

from __future__ import annotations

from typing import Any

from pipeline_code.definition_context import Context
from pipeline_code.definition_evaluate import evaluate_step
from pipeline_code.definition_functions import read_verdict_step, resolve_champion_step
from pipeline_code.definition_gate import gate_steps
from pipeline_code.definition_offline import AwsCallError, offline, offline_session
from pipeline_code.definition_parameters import RunParameters
from pipeline_code.definition_preprocess import preprocess_step
from pipeline_code.definition_register import register_step
from pipeline_code.definition_sentinels import SENTINELS, SentinelError, fill
from pipeline_code.definition_settings import ModelSettings
from pipeline_code.definition_train import train_step

__all__ = ["SENTINELS", "AwsCallError", "ModelSettings", "SentinelError", "build", "fill", "image_uri"]

IMAGE_VERSION = "3.2-0"


def image_uri(region: str) -> str:
    """The XGBoost image all steps and the endpoint use."""
    with offline(region):
        return _image_uri(region)


def build(model: ModelSettings, *, region: str) -> str:
    """The definition of the model's pipeline as JSON with the stand-ins of SENTINELS in it.

    Same settings and region, same text. Raises AwsCallError if the SDK tried to call AWS.
    """
    with offline(region):
        session = offline_session(region, bucket=SENTINELS["artifact_bucket"])
        return _definition(Context(model, session, _image_uri(region), RunParameters.of(model)))


def _image_uri(region: str) -> str:
    from sagemaker.core import image_uris

    return str(image_uris.retrieve("xgboost", region, version=IMAGE_VERSION))


def _definition(context: Context) -> str:
    from sagemaker.mlops.workflow.pipeline import Pipeline

    pipeline = Pipeline(
        name=context.model.name,
        parameters=context.parameters.all(),
        pipeline_experiment_config=None,
        steps=_steps(context),
        sagemaker_session=context.session,
    )
    return str(pipeline.definition())


def _steps(context: Context) -> list[Any]:
    """The top level of the graph; what stands behind a condition is inside of it."""
    champion = resolve_champion_step(context)
    preprocess = preprocess_step(context)
    trained = train_step(context, preprocess)
    evaluate = evaluate_step(context, champion=champion, preprocess=preprocess, trained=trained)
    verdict = read_verdict_step(context, evaluate)
    register = register_step(context, trained=trained, evaluate=evaluate, champion=champion, verdict=verdict)
    gates = gate_steps(context, evaluate, register=[verdict, register])
    return [champion, preprocess, trained.step, evaluate, *gates]
