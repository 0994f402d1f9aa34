"""The judge of deployed histories reads the parts themselves, wherever the run took them from."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.chaos.parts_read import PARTS, keys_read


class FakeSageMaker:
    """Executions whose only step names a job; the outputs of a job lie in a folder of its own."""

    def __init__(self, steps: dict[str, tuple[str, str]]) -> None:
        self._steps = steps

    def list_pipeline_execution_steps(self, *, PipelineExecutionArn: str) -> dict[str, Any]:
        if PipelineExecutionArn not in self._steps:
            return {"PipelineExecutionSteps": []}
        status, job = self._steps[PipelineExecutionArn]
        metadata = {"ProcessingJob": {"Arn": f"arn:aws:sagemaker:::processing-job/{job}"}}
        return {"PipelineExecutionSteps": [{"StepName": "Preprocess", "StepStatus": status, "Metadata": metadata}]}

    def describe_processing_job(self, *, ProcessingJobName: str) -> dict[str, Any]:
        outputs = [
            {"OutputName": part, "S3Output": {"S3Uri": f"s3://artifacts/{ProcessingJobName}/{part}"}} for part in PARTS
        ]
        return {"ProcessingOutputConfig": {"Outputs": outputs}}


class FakeS3:
    def __init__(self, objects: dict[str, str]) -> None:
        self._objects = objects

    def get_paginator(self, _: str) -> FakeS3:
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> list[dict[str, Any]]:
        assert Bucket == "artifacts"
        return [{"Contents": [{"Key": key} for key in self._objects if key.startswith(Prefix)]}]

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        body = io.BytesIO()
        pq.write_table(
            pa.table({"policy_id": list(self._objects[Key]), "fraud": ["0"] * len(self._objects[Key])}), body
        )
        return {"Body": io.BytesIO(body.getvalue())}


S3 = FakeS3({"job-1/train/part-00000-00000.parquet": "ab", "job-1/train/part-00001-00000.parquet": "c",
             "job-1/test/part-00000-00000.parquet": "c", "job-1/validation-old/x.parquet": "z"})  # fmt: skip


def test_all_files_of_all_parts_are_read_and_a_key_that_came_twice_shows() -> None:
    assert keys_read(FakeSageMaker({"run-1": ("Succeeded", "job-1")}), S3, "run-1", "policy_id") == ["a", "b", "c", "c"]


def test_the_rows_of_a_cached_step_are_those_of_the_job_it_was_taken_from() -> None:
    sagemaker = FakeSageMaker({"run-1": ("Succeeded", "job-1"), "run-2": ("Succeeded", "job-1")})

    assert keys_read(sagemaker, S3, "run-2", "policy_id") == keys_read(sagemaker, S3, "run-1", "policy_id")


def test_a_step_that_succeeded_without_parts_has_read_nothing() -> None:
    assert keys_read(FakeSageMaker({"run-1": ("Succeeded", "job-2")}), S3, "run-1", "policy_id") == []


def test_what_a_step_has_read_is_unknown_while_it_did_not_succeed() -> None:
    assert keys_read(FakeSageMaker({"run-1": ("Failed", "job-1")}), S3, "run-1", "policy_id") is None
    assert keys_read(FakeSageMaker({}), S3, "run-1", "policy_id") is None
