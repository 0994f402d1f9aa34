"""The step RegisterModel: a new version in the registry that says what it is made of and why it was let in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline_code.definition_context import Context, Trained, call_retries, file_uri
from pipeline_code.definition_sentinels import SENTINELS

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.lambda_step import LambdaStep
    from sagemaker.mlops.workflow.model_step import ModelStep
    from sagemaker.mlops.workflow.steps import ProcessingStep

SERVING_ENVIRONMENT = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    "PIP_NO_BUILD_ISOLATION": "0",
}


def register_step(
    context: Context, *, trained: Trained, evaluate: ProcessingStep, champion: LambdaStep, verdict: LambdaStep
) -> ModelStep:
    from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
    from sagemaker.mlops.workflow.model_step import ModelStep
    from sagemaker.serve.model_builder import ModelBuilder

    builder = ModelBuilder(
        sagemaker_session=context.session,
        role_arn=SENTINELS["job_role"],
        image_uri=context.image,
        s3_model_data_url=trained.model_uri,
        env_vars=SERVING_ENVIRONMENT,
    )
    statistics = MetricsSource(
        content_type="application/json", s3_uri=file_uri(evaluate, "evaluation", "evaluation.json")
    )
    types = list(context.model.serving_instance_types)
    request = builder.register(
        model_package_group_name=context.model.name,
        content_types=["text/csv", "application/json"],
        response_types=["application/json", "text/csv"],
        inference_instances=types,
        transform_instances=types,
        approval_status=context.parameters.approval_status,
        model_metrics=ModelMetrics(model_statistics=statistics),
        customer_metadata_properties={
            **_decision(champion, verdict),
            **_origin(context, evaluate, verdict),
        },
    )
    return ModelStep(
        "RegisterModel",
        step_args=request,
        display_name="RegisterModel",
        description="Add the model to the registry, waiting for approval",
        retry_policies=call_retries(),
    )


def _decision(champion: LambdaStep, verdict: LambdaStep) -> dict[str, Any]:
    """Why the version was let in. ReadVerdict answers texts that the registry takes."""
    from sagemaker.core.workflow.functions import Join

    found = verdict.properties.Outputs
    return {
        **{name: found[name] for name in ("outcome", "sentence", "metric", "value")},
        "interval": Join(on=" to ", values=[found["low"], found["high"]]),
        "threshold": found["threshold"],
        "champion": champion.properties.Outputs["version"],
    }


def _origin(context: Context, evaluate: ProcessingStep, verdict: LambdaStep) -> dict[str, Any]:
    """What the version was made of, and by which run."""
    from sagemaker.core.workflow.execution_variables import ExecutionVariables
    from sagemaker.core.workflow.functions import Join

    parameters, found = context.parameters, verdict.properties.Outputs
    return {
        "model_sha256": found["model_sha256"],
        "manifest_uri": Join(on="/", values=[parameters.input_uri, "manifest.json"]),
        "manifest_sha256": found["manifest_sha256"],
        "code_digest": SENTINELS["code_digest"],
        "image": context.image,
        "run": ExecutionVariables.PIPELINE_EXECUTION_ID,
        "report_uri": file_uri(evaluate, "evaluation", "report.html"),
        "verdict_uri": file_uri(evaluate, "evaluation", "verdict.json"),
        "input_uri": parameters.input_uri,
        "correlation_id": parameters.correlation_id,
    }
