"""Rows to try an endpoint with: of the test part that the version it serves was measured on. For `invoke.py`."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import urlsplit

from millrace.cli import executions, serving
from millrace.cli.connect import Connection

STEP, OUTPUT = "Preprocess", "test"
Rows = list[dict[str, Any]]


def of_endpoint(connection: Connection, endpoint: str, count: int) -> Rows:
    """The first rows as they were uploaded, but with numbers as numbers; none if they cannot be found any more."""
    found = serving.endpoint(connection, endpoint)
    sagemaker = connection.client("sagemaker")
    if found is None or not found.package:
        return []
    told = sagemaker.describe_model_package(ModelPackageName=found.package).get("CustomerMetadataProperties", {})
    model = found.package.rsplit("/", 2)[-2]
    run = next(
        (run for run in executions.recent(connection, model=model, limit=100) if run.id == told.get("run")), None
    )
    steps = executions.steps(connection, run.arn) if run else []
    jobs = [step.job.rsplit("/", 1)[-1] for step in steps if step.name == STEP and ":processing-job/" in step.job]
    if not jobs:
        return []
    outputs = sagemaker.describe_processing_job(ProcessingJobName=jobs[0])["ProcessingOutputConfig"]["Outputs"]
    return _first(
        connection, {each["OutputName"]: each["S3Output"]["S3Uri"] for each in outputs}.get(OUTPUT, ""), count
    )


def _first(connection: Connection, uri: str, count: int) -> Rows:
    import pyarrow.parquet as pq

    where = urlsplit(uri)
    s3 = connection.client("s3")
    listed = s3.list_objects_v2(Bucket=where.netloc, Prefix=f"{where.path.strip('/')}/")
    keys = sorted(entry["Key"] for entry in listed.get("Contents", ()) if entry["Key"].endswith(".parquet"))
    if not keys:
        return []
    body = s3.get_object(Bucket=where.netloc, Key=keys[0])["Body"].read()
    with pq.ParquetFile(io.BytesIO(body)) as file:
        batch = next(file.iter_batches(batch_size=count), None)
    return [] if batch is None else [dict(row) for row in batch.to_pylist()]
