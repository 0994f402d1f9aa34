"""Which rows a deployed run was trained on: the parts that its Preprocess step handed on, its own or a cached one's."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq

STEP = "Preprocess"
PARTS = ("train", "validation", "test")


def keys_read(sagemaker: Any, s3: Any, execution: str, column: str) -> list[str] | None:
    """The values of `column` in all parts, each as often as it stands there; None if Preprocess did not succeed.

    The folders come from the job that the step names. A step taken from the cache names an earlier run's job, so its
    rows count as what this run has read.
    """
    listed = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=execution)["PipelineExecutionSteps"]
    steps = {step["StepName"]: step for step in listed}
    if STEP not in steps or steps[STEP]["StepStatus"] != "Succeeded":
        return None
    job = steps[STEP]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    outputs = sagemaker.describe_processing_job(ProcessingJobName=job)["ProcessingOutputConfig"]["Outputs"]
    folders = {output["OutputName"]: output["S3Output"]["S3Uri"] for output in outputs}
    return [key for part in PARTS for key in _column(s3, folders[part], column)]


def _column(s3: Any, folder: str, column: str) -> Iterator[str]:
    bucket, _, prefix = folder.removeprefix("s3://").partition("/")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
        for entry in page.get("Contents", ()):
            body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            yield from pq.read_table(io.BytesIO(body), columns=[column])[column].to_pylist()
