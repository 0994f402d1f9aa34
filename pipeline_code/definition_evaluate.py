"""The step Evaluate: the new model and the champion on the test part, and the verdict on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_code.definition_context import (
    PROCESSING,
    Context,
    Trained,
    code_input,
    job_retries,
    output_uri,
    processing_input,
    processing_output,
)

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.lambda_step import LambdaStep
    from sagemaker.mlops.workflow.steps import ProcessingStep

VERDICT = "Verdict"
"""The property file; the conditions behind the step read it."""


def evaluate_step(
    context: Context, *, champion: LambdaStep, preprocess: ProcessingStep, trained: Trained
) -> ProcessingStep:
    """On one instance, whatever Preprocess runs on. No argument tells of the run itself, or no run would be cached."""
    from sagemaker.core.workflow.properties import PropertyFile
    from sagemaker.mlops.workflow.steps import ProcessingStep

    parameters, found = context.parameters, champion.properties.Outputs
    arguments = context.processor("evaluate", instances=1).run(
        inputs=[
            processing_input("model", trained.model_uri),
            processing_input("champion", found["model_uri"]),
            processing_input("test", output_uri(preprocess, "test")),
            code_input(),
        ],
        outputs=[processing_output("evaluation", context.run_uri("evaluate"))],
        arguments=[
            *("--model", f"{PROCESSING}/input/model"),
            *("--champion", f"{PROCESSING}/input/champion"),
            *("--champion-version", found["version"]),
            *("--test", f"{PROCESSING}/input/test"),
            *("--output", f"{PROCESSING}/output/evaluation"),
            *("--floor", parameters.floor.to_string()),
            *("--min-support", parameters.min_support.to_string()),
            *("--confidence", parameters.confidence.to_string()),
            *("--input-uri", parameters.input_uri),
        ],
    )
    return ProcessingStep(
        "Evaluate",
        step_args=arguments,
        display_name="Evaluate",
        description="Measure the model and the champion on the test part, decide, and write the report",
        property_files=[PropertyFile(VERDICT, output_name="evaluation", path="verdict.json")],
        cache_config=context.cache(),
        retry_policies=job_retries(),
    )
