"""The starter against S3 as moto plays it, and a SageMaker that remembers what it was asked."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from start_pipeline import start as start_module
from start_pipeline.batch import handle
from start_pipeline.settings import StarterSettings
from start_pipeline.start import Starter

RAW, ARTIFACTS = "raw-bucket", "artifact-bucket"
SETTINGS = StarterSettings(RAW, ARTIFACTS, {"claims-fraud": ("claims", "customers"), "churn": ("customers",)})


class Executions:
    """StartPipelineExecution as AWS documents it: one execution for each request token."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.broken = False

    def start_pipeline_execution(self, **request: Any) -> dict[str, str]:
        if self.broken:
            raise RuntimeError("SageMaker is not available")
        self.requests.append(request)
        return {"PipelineExecutionArn": f"arn:execution/{request['ClientRequestToken']}"}

    @property
    def started(self) -> set[str]:
        return {request["ClientRequestToken"] for request in self.requests}


class World:
    """Two versioned buckets and the starter between them."""

    def __init__(self) -> None:
        self.s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        for bucket in (RAW, ARTIFACTS):
            self.s3.create_bucket(Bucket=bucket)
            self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        self.executions = Executions()
        self.starter = Starter(s3=self.s3, sagemaker=self.executions, settings=SETTINGS)

    def upload(self, key: str, content: str = "a,b\n1,2\n") -> dict[str, str]:
        """Put an object; returns the record its event becomes in the queue."""
        self.s3.put_object(Bucket=RAW, Key=key, Body=content.encode())
        detail = {"bucket": {"name": RAW}, "object": {"key": key}}
        return {"messageId": key, "body": json.dumps({"detail-type": "Object Created", "detail": detail})}

    def deliver(self, *records: dict[str, str]) -> list[str]:
        return [failure["itemIdentifier"] for failure in handle(list(records), self.starter)["batchItemFailures"]]

    def copies(self) -> dict[str, str]:
        listed = self.s3.list_objects_v2(Bucket=ARTIFACTS).get("Contents", [])
        return {
            item["Key"].split("/", 2)[2]: self.s3.get_object(Bucket=ARTIFACTS, Key=item["Key"])["Body"].read().decode()
            for item in listed
        }


@pytest.fixture
def world() -> Iterator[World]:
    with mock_aws():
        yield World()


CLAIMS, CUSTOMERS = "raw/claims-fraud/claims/claims.csv", "raw/claims-fraud/customers/customers.csv"


def test_a_run_waits_until_every_table_has_a_file(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert world.deliver(world.upload(CLAIMS)) == []
    assert not world.executions.requests
    assert "claims-fraud: waiting for a file in: customers" in caplog.text
    assert world.deliver(world.upload(CUSTOMERS)) == []
    assert len(world.executions.requests) == 1


def test_a_complete_data_set_is_copied_and_the_run_gets_its_place(world: World) -> None:
    world.deliver(world.upload(CLAIMS, "claims"), world.upload(CUSTOMERS, "customers"))
    (request,) = world.executions.requests
    assert request["PipelineName"] == "claims-fraud"
    uri = request["PipelineParameters"][0]["Value"]
    digest = uri.removeprefix(f"s3://{ARTIFACTS}/inputs/")
    assert request["PipelineParameters"] == [{"Name": "InputUri", "Value": f"s3://{ARTIFACTS}/inputs/{digest}"}]
    copies = world.copies()
    assert set(copies) == {"claims/00000.csv", "customers/00000.csv", "manifest.json", "started.json"}
    assert (copies["claims/00000.csv"], copies["customers/00000.csv"]) == ("claims", "customers")
    manifest = json.loads(copies["manifest.json"])
    assert [entry["key"] for entry in manifest["tables"]["claims"]] == [CLAIMS]
    assert json.loads(copies["started.json"])["pipeline_execution_arn"] == f"arn:execution/{digest}-1"


def test_the_same_data_starts_one_run_however_often_it_is_announced(world: World) -> None:
    records = [world.upload(CLAIMS), world.upload(CUSTOMERS)]
    schedule = {"messageId": "schedule", "body": json.dumps({"models": ["claims-fraud"]})}
    for _ in range(2):
        assert world.deliver(*records, schedule) == []
    assert len(world.executions.requests) == 1


def test_a_new_version_of_a_file_is_a_new_data_set(world: World) -> None:
    world.deliver(world.upload(CLAIMS, "old"), world.upload(CUSTOMERS))
    world.deliver(world.upload(CLAIMS, "new"))
    assert len(world.executions.started) == 2


def test_a_deleted_file_leaves_the_data_set(world: World) -> None:
    world.deliver(world.upload(CLAIMS), world.upload(CUSTOMERS))
    world.s3.delete_object(Bucket=RAW, Key=CUSTOMERS)
    world.deliver(world.upload(CLAIMS, "new"))
    assert len(world.executions.started) == 1


def test_the_schedule_finds_data_whose_event_was_lost(world: World) -> None:
    world.upload(CLAIMS)
    world.upload(CUSTOMERS)
    world.deliver({"messageId": "1", "body": json.dumps({"models": ["claims-fraud", "churn"]})})
    assert [request["PipelineName"] for request in world.executions.requests] == ["claims-fraud"]


def test_a_failed_start_is_retried_with_the_same_token(world: World) -> None:
    world.executions.broken = True
    records = [world.upload(CLAIMS), world.upload(CUSTOMERS)]
    assert world.deliver(*records) == [CLAIMS, CUSTOMERS]
    world.executions.broken = False
    assert world.deliver(*records) == []
    assert len(world.executions.requests) == 1


def test_a_start_whose_record_was_lost_is_the_same_request_again(world: World) -> None:
    record = world.upload("raw/churn/customers/a.csv")
    world.deliver(record)
    started = next(key for key in _keys(world) if key.endswith("started.json"))
    world.s3.delete_object(Bucket=ARTIFACTS, Key=started)
    world.deliver(record)
    assert len(world.executions.requests) == 2
    assert len(world.executions.started) == 1


def test_copies_that_exist_are_not_made_again(world: World) -> None:
    world.executions.broken = True
    record = world.upload("raw/churn/customers/a.csv")
    world.deliver(record)
    before = _versions(world)
    world.executions.broken = False
    world.deliver(record)
    assert {key: ids for key, ids in _versions(world).items() if not key.endswith("started.json")} == before


def test_one_broken_message_does_not_hold_up_the_others(world: World, caplog: pytest.LogCaptureFixture) -> None:
    records = [world.upload(CLAIMS), {"messageId": "bad", "body": "no json"}, world.upload(CUSTOMERS)]
    assert world.deliver(*records) == ["bad"]
    assert len(world.executions.requests) == 1
    assert "message bad cannot be read: the message is not JSON" in caplog.text


def test_one_models_trouble_does_not_hold_up_another(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    start = world.executions.start_pipeline_execution

    def refuse_churn(**request: Any) -> dict[str, str]:
        if request["PipelineName"] == "churn":
            raise RuntimeError("no such pipeline")
        return start(**request)

    monkeypatch.setattr(world.executions, "start_pipeline_execution", refuse_churn)
    churn = world.upload("raw/churn/customers/a.csv")
    assert world.deliver(churn, world.upload(CLAIMS), world.upload(CUSTOMERS)) == [churn["messageId"]]
    assert len(world.executions.started) == 1


def test_a_file_of_an_unknown_table_is_logged_and_no_failure(world: World, caplog: pytest.LogCaptureFixture) -> None:
    assert world.deliver(world.upload("raw/claims-fraud/polices/a.csv")) == []
    assert "has no table 'polices'; known: claims, customers" in caplog.text


def test_objects_too_large_for_one_copy_are_copied_in_parts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_module, "LARGEST_COPY", 4)
    world.deliver(world.upload("raw/churn/customers/a.csv", "larger than four bytes"))
    assert world.copies()["customers/00000.csv"] == "larger than four bytes"


def test_the_copy_is_of_the_version_that_was_listed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file overwritten between listing and copying must not slip into the older data set."""
    record = world.upload("raw/churn/customers/a.csv", "listed")
    copy = world.s3.copy_object

    def overwrite_first(**request: Any) -> Any:
        world.upload("raw/churn/customers/a.csv", "later")
        return copy(**request)

    monkeypatch.setattr(world.s3, "copy_object", overwrite_first)
    world.deliver(record)
    assert world.copies()["customers/00000.csv"] == "listed"


def _keys(world: World) -> list[str]:
    return [item["Key"] for item in world.s3.list_objects_v2(Bucket=ARTIFACTS)["Contents"]]


def _versions(world: World) -> dict[str, list[str]]:
    versions: dict[str, list[str]] = {}
    for item in world.s3.list_object_versions(Bucket=ARTIFACTS)["Versions"]:
        versions.setdefault(item["Key"], []).append(item["VersionId"])
    return versions
