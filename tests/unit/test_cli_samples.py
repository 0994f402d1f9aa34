"""Sample rows for an endpoint come from the test part of the run that made its version."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace.cli import executions, samples, serving
from millrace.cli.connect import Connection
from millrace.cli.executions import Step

ROWS = [{"length": 0.5, "sex": "수컷"}, {"length": None, "sex": "F"}, {"length": 0.1, "sex": "I"}]
JOB = "arn:aws:sagemaker:r:1:processing-job/prepare-1"


class Clients:
    """An account with one version, made by run r1, and the parts that the run left."""

    def client(self, _: str) -> Clients:
        return self

    def describe_model_package(self, **_: Any) -> dict[str, Any]:
        return {"CustomerMetadataProperties": {"run": "r1"}}

    def describe_processing_job(self, *, ProcessingJobName: str) -> dict[str, Any]:
        output = {"OutputName": "test", "S3Output": {"S3Uri": "s3://artifacts/r1/test"}}
        return {"ProcessingOutputConfig": {"Outputs": [output] if ProcessingJobName == "prepare-1" else []}}

    def list_objects_v2(self, *, Bucket: str, Prefix: str) -> dict[str, Any]:
        assert (Bucket, Prefix) == ("artifacts", "r1/test/")
        return {"Contents": [{"Key": "r1/test/part-00000-00000.parquet"}]}

    def get_object(self, **_: Any) -> dict[str, Any]:
        body = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(ROWS), body)
        return {"Body": io.BytesIO(body.getvalue())}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Connection:
    served = SimpleNamespace(package="arn:aws:sagemaker:r:1:model-package/abalone/1")
    step = Step(name="Preprocess", state="Succeeded", started=None, ended=None, failure="", job=JOB, note="")
    monkeypatch.setattr(serving, "endpoint", lambda *_: served)
    monkeypatch.setattr(executions, "recent", lambda *_, **__: [SimpleNamespace(id="r1", arn="arn:r1")])
    monkeypatch.setattr(executions, "steps", lambda *_: [step])
    return cast(Connection, Clients())


def test_samples_are_the_first_rows_of_the_test_part_of_the_run_that_made_the_version(account: Connection) -> None:
    assert samples.of_endpoint(account, "abalone", 2) == ROWS[:2]


def test_there_are_no_samples_when_the_run_is_not_known_any_more(
    account: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executions, "recent", lambda *_, **__: [])

    assert samples.of_endpoint(account, "abalone", 2) == []
