"""What a batch run left in S3: its results as one file, and the report on rows that could not be scored."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from millrace.cli.connect import Connection
from millrace.errors import MillraceError

RESOLVE, PREPARE, SCORE = "ResolveLive", "Prepare", "Score"
QUARANTINE, REPORT = "quarantine", "report.json"
OUTPUT = "SageMakerOutput"
"""Under which SageMaker puts the model's answer beside the row."""


@dataclass(frozen=True)
class Outcome:
    """`results` and `quarantine` are URIs of folders; empty, and the report too, where the run did not get so far."""

    version: str = ""
    results: str = ""
    quarantine: str = ""
    report: Mapping[str, Any] | None = None


def read(connection: Connection, arn: str) -> Outcome:
    """What a run that has ended says of itself."""
    pages = connection.client("sagemaker").get_paginator("list_pipeline_execution_steps")
    found = pages.paginate(PipelineExecutionArn=arn)
    steps = {entry["StepName"]: entry.get("Metadata", {}) for page in found for entry in page["PipelineExecutionSteps"]}
    told = steps.get(RESOLVE, {}).get("Lambda", {}).get("OutputParameters", [])
    version = next((each["Value"] for each in told if each["Name"] == "version"), "")
    quarantine = _quarantine_uri(connection, steps.get(PREPARE, {}))
    return Outcome(
        version=version,
        results=_results_uri(connection, steps.get(SCORE, {})),
        quarantine=quarantine,
        report=_report(connection, quarantine) if quarantine else None,
    )


def download(connection: Connection, results: str, target: Path) -> int:
    """Write all result lines into one file, in the order of the rows; how many there are."""
    lines = (_flat(json.loads(line)) for line in _lines(connection, results))
    with target.open("w", encoding="utf-8", newline="") as file:
        return _write_csv(file, lines) if target.suffix.lower() == ".csv" else _write_lines(file, lines)


def _write_lines(file: Any, rows: Iterator[dict[str, Any]]) -> int:
    count = 0
    for row in rows:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
        count += 1
    return count


def _write_csv(file: Any, rows: Iterator[dict[str, Any]]) -> int:
    writer, count = None, 0
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(file, fieldnames=list(row), lineterminator="\n")
            writer.writeheader()
        writer.writerow(row)
        count += 1
    return count


def _flat(line: Mapping[str, Any]) -> dict[str, Any]:
    """`row`, `key` and the members of the model's answer, those of an object in it by dotted names."""
    row = {name: value for name, value in line.items() if name != OUTPUT}
    answer = line[OUTPUT]
    for name, value in (answer if isinstance(answer, dict) else {"prediction": answer}).items():
        if isinstance(value, dict):
            row |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            row[name] = value
    return row


def _lines(connection: Connection, results: str) -> Iterator[bytes]:
    s3, where = connection.client("s3"), urlsplit(results)
    prefix = where.path.strip("/") + "/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=where.netloc, Prefix=prefix)
    for key in [item["Key"] for page in pages for item in page.get("Contents", ())]:
        for line in s3.get_object(Bucket=where.netloc, Key=key)["Body"].iter_lines(keepends=True):
            if line.strip():
                yield line


def _results_uri(connection: Connection, step: Mapping[str, Any]) -> str:
    job = step.get("TransformJob", {}).get("Arn", "").rsplit("/", 1)[-1]
    if not job:
        return ""
    described = connection.client("sagemaker").describe_transform_job(TransformJobName=job)
    return str(described["TransformOutput"]["S3OutputPath"]).rstrip("/")


def _quarantine_uri(connection: Connection, step: Mapping[str, Any]) -> str:
    job = step.get("ProcessingJob", {}).get("Arn", "").rsplit("/", 1)[-1]
    if not job:
        return ""
    described = connection.client("sagemaker").describe_processing_job(ProcessingJobName=job)
    for output in described["ProcessingOutputConfig"]["Outputs"]:
        if output["OutputName"] == QUARANTINE:
            return str(output["S3Output"]["S3Uri"]).rstrip("/")
    raise MillraceError(f"the job {job} has no output {QUARANTINE!r}")


def _report(connection: Connection, quarantine: str) -> Mapping[str, Any] | None:
    """None if the step ended before it wrote one."""
    where = urlsplit(f"{quarantine}/{REPORT}")
    try:
        answer = connection.client("s3").get_object(Bucket=where.netloc, Key=where.path.strip("/"))
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return None
        raise
    report: Mapping[str, Any] = json.loads(answer["Body"].read())
    return report
