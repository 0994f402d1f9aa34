"""The graph of deployment as a pipeline: an approved version, until it is served. For `stacks/deploy_pipeline.py`.

    text = definition_deploy.build("claims-fraud", region="ap-northeast-2")    # JSON with stand-ins, deterministic
    stacks.definition_validator.require_valid(text, pipeline=pipeline_name("claims-fraud"))
    text = definition_deploy.fill(text, {"deploy_model": function_arn, "deploy_queue": queue_url})

    Deploy -> Accepted -> Served
                       -> Refused, which fails the run

Deploy calls the function that approvals call, for one version; Served sends a message to the queue of that function,
and waits for its answer. No step polls, and nothing is cached.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline_code.definition_offline import offline, offline_session
from pipeline_code.definition_sentinels import MARKER
from pipeline_code.definition_sentinels import fill as fill_all

if TYPE_CHECKING:
    from sagemaker.core.workflow.parameters import Parameter
    from sagemaker.mlops.workflow.callback_step import CallbackStep
    from sagemaker.mlops.workflow.condition_step import ConditionStep
    from sagemaker.mlops.workflow.lambda_step import LambdaStep

STAND_INS: Mapping[str, str] = {
    "deploy_model": f"arn:aws:lambda:us-east-1:000000000000:function:{MARKER}-deploy-model",
    "deploy_queue": f"https://sqs.us-east-1.amazonaws.com/000000000000/{MARKER}-deploy-queue",
}
SUFFIX = "-deploy"
ACCEPTED = "accepted"
"""What the function answers as outcome (`lambda/deploy_model/direct.py`) when the version is on its way."""


def pipeline_name(model: str) -> str:
    return f"{model}{SUFFIX}"


def build(model: str, *, region: str) -> str:
    """The definition of the model's deployment pipeline as JSON with the stand-ins of STAND_INS in it.

    Same model and region, same text. Raises AwsCallError if the SDK tried to call AWS.
    """
    with offline(region):
        return _definition(model, offline_session(region, bucket=f"{MARKER}-bucket"))


def fill(text: str, values: Mapping[str, str]) -> str:
    """The definition with the values in the place of their stand-ins."""
    return fill_all(text, values, stand_ins=STAND_INS)


def _definition(model: str, session: Any) -> str:
    from sagemaker.core.workflow.parameters import ParameterString
    from sagemaker.mlops.workflow.pipeline import Pipeline

    version = ParameterString("ModelPackageArn")
    deploy = _deploy(model, version, session)
    pipeline = Pipeline(
        name=pipeline_name(model),
        parameters=[version],
        pipeline_experiment_config=None,
        steps=[deploy, _accepted(deploy, _served(model, version))],
        sagemaker_session=session,
    )
    return str(pipeline.definition())


def _deploy(model: str, version: Parameter, session: Any) -> LambdaStep:
    from sagemaker.core.lambda_helper import Lambda
    from sagemaker.mlops.workflow.lambda_step import LambdaOutput, LambdaStep

    return LambdaStep(
        "Deploy",
        lambda_func=Lambda(function_arn=STAND_INS["deploy_model"], session=session),
        display_name="Deploy",
        description="Check the version and start the update of the serving stack, if it is approved and wanted",
        inputs={"model": model, "version": version},
        outputs=[LambdaOutput("outcome"), LambdaOutput("reason")],
    )


def _served(model: str, version: Parameter) -> CallbackStep:
    from sagemaker.mlops.workflow.callback_step import CallbackOutput, CallbackStep

    return CallbackStep(
        "Served",
        sqs_queue_url=STAND_INS["deploy_queue"],
        inputs={"model": model, "version": version},
        outputs=[CallbackOutput("reason")],
        display_name="Served",
        description="Wait until the version is served and its smoke test has passed, or is taken back",
    )


def _accepted(deploy: LambdaStep, served: CallbackStep) -> ConditionStep:
    from sagemaker.core.workflow.conditions import ConditionEquals
    from sagemaker.mlops.workflow.condition_step import ConditionStep
    from sagemaker.mlops.workflow.fail_step import FailStep

    answer = deploy.properties.Outputs
    refused = FailStep(
        "Refused",
        error_message=answer["reason"],
        display_name="Refused",
        description="End the run: the version is not approved, or another one is wanted",
    )
    return ConditionStep(
        "Accepted",
        conditions=[ConditionEquals(left=answer["outcome"], right=ACCEPTED)],
        if_steps=[served],
        else_steps=[refused],
        display_name="Accepted",
        description="Wait only for a version that is on its way",
    )
