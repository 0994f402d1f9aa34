"""The steps that call a function: what is only known while a run is on its way, and no expression can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline_code.definition_context import Context, file_uri
from pipeline_code.definition_sentinels import SENTINELS

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.lambda_step import LambdaStep
    from sagemaker.mlops.workflow.steps import ProcessingStep

CHAMPION = ("model_uri", "version", "reason")
VERDICT = ("outcome", "sentence", "metric", "value", "low", "high", "threshold", "model_sha256", "manifest_sha256")
"""The names of what the functions answer (`lambda/resolve_champion`, `lambda/read_verdict`); all are texts."""


def resolve_champion_step(context: Context) -> LambdaStep:
    return _step(
        context,
        "ResolveChampion",
        "resolve_champion",
        inputs={"model": context.model.name},
        outputs=CHAMPION,
        description="Find the version to beat: the one that is served, or the newest approved one",
    )


def read_verdict_step(context: Context, evaluate: ProcessingStep) -> LambdaStep:
    return _step(
        context,
        "ReadVerdict",
        "read_verdict",
        inputs={"model": context.model.name, "verdict_uri": file_uri(evaluate, "evaluation", "verdict.json")},
        outputs=VERDICT,
        description="Read what Evaluate found out, for the registry",
    )


def _step(
    context: Context, name: str, function: str, *, inputs: Mapping[str, Any], outputs: Sequence[str], description: str
) -> LambdaStep:
    from sagemaker.core.lambda_helper import Lambda
    from sagemaker.mlops.workflow.lambda_step import LambdaOutput, LambdaStep

    return LambdaStep(
        name,
        lambda_func=Lambda(function_arn=SENTINELS[function], session=context.session),
        display_name=name,
        description=description,
        inputs=dict(inputs),
        outputs=[LambdaOutput(output) for output in outputs],
    )
