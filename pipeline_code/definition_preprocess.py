"""The step Preprocess: the tables of one data set become the parts that the other steps read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_code.definition_context import (
    PROCESSING,
    REPLICATED,
    SHARDED,
    Context,
    code_input,
    job_retries,
    processing_input,
    processing_output,
)

if TYPE_CHECKING:
    from sagemaker.core.shapes import ProcessingInput
    from sagemaker.mlops.workflow.steps import ProcessingStep

PARTS = ("train", "validation", "test", "features")


def preprocess_step(context: Context) -> ProcessingStep:
    from sagemaker.mlops.workflow.steps import ProcessingStep

    quarantine = processing_output("quarantine", context.quarantine_uri(), continuous=True)
    arguments = context.processor("preprocess", instances=context.model.processing.instance_count).run(
        inputs=[*_table_inputs(context), code_input()],
        outputs=[*(processing_output(part, context.run_uri("preprocess", part)) for part in PARTS), quarantine],
        arguments=["--data", f"{PROCESSING}/input/data", "--output", f"{PROCESSING}/output"],
    )
    return ProcessingStep(
        "Preprocess",
        step_args=arguments,
        display_name="Preprocess",
        description="Check and join the tables, split the rows and fit the features on the training part",
        cache_config=context.cache(),
        retry_policies=job_retries(),
    )


def _table_inputs(context: Context) -> list[ProcessingInput]:
    """One input for each table; several instances share out the base table's files and all see the others.

    The slash at the end keeps `claims` from bringing `claims-old` too: S3 knows prefixes, not folders.
    """
    from sagemaker.core.workflow.functions import Join

    base, *_ = context.model.data.tables
    shared_out = context.model.processing.instance_count > 1
    return [
        processing_input(
            f"table-{table}",
            Join(on="", values=[context.parameters.input_uri, f"/{table}/"]),
            folder=f"data/{table}",
            distribution=SHARDED if shared_out and table == base else REPLICATED,
        )
        for table in context.model.data.tables
    ]
