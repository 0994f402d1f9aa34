"""The start_batch package: uploads become one run each, however often, late or wrongly they are announced."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from shared.log import LOGGER
from start_batch.services import Services
from start_batch.settings import BatchSettings, Model
from start_batch.work import LATER, SOON, handle

RAW, ARTIFACTS = "raw-bucket", "artifact-bucket"
MODEL = Model("claims-fraud", "claims-fraud-batch", (".csv", ".jsonl"), largest_file_mb=1)
OTHER = Model("abalone", "abalone-batch", (".csv",))
START = 1_800_000_000.0


def error(code: str, operation: str = "StartPipelineExecution") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"{code}: not now"}}, operation)


@dataclass
class SageMaker:
    """One execution for each request token, as the service does."""

    executions: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: int = 0
    refuse: Callable[[], None] = lambda: None

    def start_pipeline_execution(self, **request: Any) -> dict[str, str]:
        self.calls += 1
        self.refuse()
        assert 32 <= len(request["ClientRequestToken"]) <= 128
        arn = f"arn:aws:sagemaker:x:1:pipeline/{request['PipelineName']}/execution/{request['ClientRequestToken']}"
        self.executions.setdefault(arn, request)
        return {"PipelineExecutionArn": arn}

    def get_paginator(self, name: str) -> SageMaker:
        assert name == "list_pipeline_executions"
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        found = [
            {"PipelineExecutionArn": arn, "PipelineExecutionDisplayName": each["PipelineExecutionDisplayName"]}
            for arn, each in self.executions.items()
            if each["PipelineName"] == request["PipelineName"]
        ]
        return [{"PipelineExecutionSummaries": found}]


@dataclass
class Queue:
    dead: list[dict[str, Any]] = field(default_factory=list)
    pauses: list[int] = field(default_factory=list)

    def send_message(self, **request: Any) -> None:
        assert request["QueueUrl"] == "dead"
        self.dead.append({name: value["StringValue"] for name, value in request["MessageAttributes"].items()})

    def change_message_visibility(self, **request: Any) -> None:
        self.pauses.append(request["VisibilityTimeout"])


class Lab:
    """Two versioned buckets and the function."""

    def __init__(self) -> None:
        keys: Any = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
        self.s3 = boto3.client("s3", **keys)
        for bucket in (RAW, ARTIFACTS):
            self.s3.create_bucket(Bucket=bucket)
            self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        self.sagemaker, self.queue, self.now = SageMaker(), Queue(), START
        models = {model.name: model for model in (MODEL, OTHER)}
        settings = BatchSettings(RAW, ARTIFACTS, "queue", "dead", models)
        self.services = Services(self.s3, self.sagemaker, self.queue, settings, clock=lambda: self.now)

    def put(self, key: str, body: bytes = b"a,b\n1,2\n") -> str:
        return str(self.s3.put_object(Bucket=RAW, Key=key, Body=body)["VersionId"])

    def work(self, *bodies: Any, receives: int = 1, deadline: float = START + 300) -> int:
        """How many of the messages come back."""
        records = [
            {
                "messageId": f"m{number}",
                "receiptHandle": "r",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": str(receives)},
            }
            for number, body in enumerate(bodies)
        ]
        return len(handle(records, self.services, deadline=deadline)["batchItemFailures"])

    def upload(self, key: str, body: bytes = b"a,b\n1,2\n") -> dict[str, Any]:
        return event(key, self.put(key, body))

    @property
    def inputs(self) -> list[str]:
        """The InputUri of each execution, in the order of their start."""
        return [each["PipelineParameters"][0]["Value"] for each in self.sagemaker.executions.values()]

    def keys(self, prefix: str = "") -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=ARTIFACTS, Prefix=prefix)
        return [item["Key"] for item in listed.get("Contents", ())]

    def read(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=ARTIFACTS, Key=key)["Body"].read())


def event(key: str, version_id: str, bucket: str = RAW) -> dict[str, Any]:
    detail = {"bucket": {"name": bucket}, "object": {"key": key, "version-id": version_id, "size": 8}}
    return {"detail-type": "Object Created", "source": "aws.s3", "detail": detail}


def sweep(*models: str) -> dict[str, Any]:
    return {"sweep": list(models)}


@pytest.fixture
def lab() -> Iterator[Lab]:
    with mock_aws():
        yield Lab()


def test_an_upload_starts_one_run_on_a_copy_of_exactly_that_version(lab: Lab) -> None:
    first = lab.upload("batch/claims-fraud/march.csv", b"first")
    lab.put("batch/claims-fraud/march.csv", b"second")

    assert lab.work(first) == 0

    [uri] = lab.inputs
    prefix = uri.removeprefix(f"s3://{ARTIFACTS}/")
    assert prefix.startswith("batch/claims-fraud/inputs/")
    assert lab.keys(prefix) == [f"{prefix}00000.csv"]
    assert lab.read(f"{prefix}00000.csv") == b"first"
    [marker] = lab.keys("batch/claims-fraud/started/")
    told = json.loads(lab.read(marker))
    assert (told["key"], told["input_uri"]) == ("batch/claims-fraud/march.csv", uri)
    assert told["execution"] in lab.sagemaker.executions


def test_the_same_event_again_starts_nothing_and_a_new_version_starts_another(lab: Lab) -> None:
    one = lab.upload("batch/claims-fraud/a.csv")
    assert lab.work(one, one) == 0
    assert lab.work(one) == 0
    assert (len(lab.inputs), lab.sagemaker.calls) == (1, 1)

    assert lab.work(lab.upload("batch/claims-fraud/a.csv")) == 0
    assert len(set(lab.inputs)) == 2


def test_a_start_whose_marker_could_not_be_written_is_found_and_not_made_again(lab: Lab) -> None:
    upload = lab.upload("batch/claims-fraud/a.csv")
    lab.work(upload)
    [marker] = lab.keys("batch/claims-fraud/started/")
    lab.s3.delete_object(Bucket=ARTIFACTS, Key=marker)

    assert lab.work(upload) == 0

    assert lab.sagemaker.calls == 1
    assert lab.keys("batch/claims-fraud/started/") == [marker]


@pytest.mark.parametrize(
    "key",
    ["batch/claims-fraud/a+b%20c.csv", "batch/claims-fraud/보험 2026/11.CSV", "batch/claims-fraud/x/../a\\b;.csv"],
)
def test_keys_with_odd_characters_are_taken_as_they_are(lab: Lab, key: str) -> None:
    assert lab.work(lab.upload(key, b"odd")) == 0
    [uri] = lab.inputs
    assert lab.read(f"{uri.removeprefix(f's3://{ARTIFACTS}/')}00000.csv") == b"odd"


def test_an_encoded_key_is_decoded_when_there_is_no_such_object(lab: Lab) -> None:
    version = lab.put("batch/claims-fraud/a b+c.csv", b"decoded")
    assert lab.work(event("batch/claims-fraud/a+b%2Bc.csv", version)) == 0
    assert len(lab.inputs) == 1


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("batch/claims-fraud/", b""),
        ("batch/claims-fraud/deep/", b""),
        ("batch/claims-fraud/_SUCCESS", b"x"),
        ("batch/claims-fraud/.hidden.csv", b"x"),
        ("batch/claims-fraud/a.csv.tmp", b"x"),
        ("batch/claims-fraud/a.parquet", b"x"),
        ("batch/claims-fraud/empty.csv", b""),
        ("batch/claims-fraud/large.csv", b"x" * (1_000_000 + 1)),
        ("batch/no-such-model/a.csv", b"x"),
    ],
)
def test_what_is_no_input_starts_nothing_and_does_not_come_back(lab: Lab, key: str, body: bytes) -> None:
    assert lab.work(lab.upload(key, body)) == 0
    assert lab.work(sweep("claims-fraud")) == 0
    assert (lab.inputs, lab.queue.dead) == ([], [])


def test_the_log_tells_why_a_file_is_not_scored(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=LOGGER.name)
    lab.work(lab.upload("batch/claims-fraud/empty.csv", b""), lab.upload("batch/claims-fraud/a.xlsx"))
    assert "empty.csv is not scored: it is empty" in caplog.text
    assert "a.xlsx is not scored: it ends in none of .csv, .jsonl" in caplog.text


def test_the_sweep_tells_of_files_for_a_model_that_does_not_exist(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=LOGGER.name)
    lab.put("batch/claims/a.csv")
    lab.put("batch/claims-fraud/a.csv")
    assert lab.work(sweep("claims-fraud")) == 0
    assert "there is no model 'claims'" in caplog.text
    assert len(lab.inputs) == 1


def test_a_version_that_was_deleted_for_good_is_let_go(lab: Lab) -> None:
    upload = lab.upload("batch/claims-fraud/a.csv")
    version = upload["detail"]["object"]["version-id"]
    lab.s3.delete_object(Bucket=RAW, Key="batch/claims-fraud/a.csv", VersionId=version)
    assert lab.work(upload) == 0
    assert lab.inputs == []


@pytest.mark.parametrize("code", ["ThrottlingException", "ResourceLimitExceeded"])
def test_when_aws_has_no_room_the_message_comes_back_late_and_at_last_waits_for_the_schedule(
    lab: Lab, code: str
) -> None:
    upload = lab.upload("batch/claims-fraud/a.csv")

    def refuse() -> None:
        raise error(code)

    lab.sagemaker.refuse = refuse
    assert lab.work(upload, receives=2) == 1
    assert lab.queue.pauses == [LATER[1]]
    assert lab.keys("batch/claims-fraud/started/") == []
    assert lab.work(upload, receives=5) == 0
    assert lab.queue.dead == []

    lab.sagemaker.refuse = lambda: None
    assert lab.work(sweep("claims-fraud")) == 0
    assert len(lab.inputs) == 1


def test_any_other_error_brings_the_message_back_soon_and_the_others_are_worked_off(lab: Lab) -> None:
    bad, good = lab.upload("batch/claims-fraud/a.csv"), lab.upload("batch/claims-fraud/b.csv")
    refusals = iter([error("InternalFailure")])

    def refuse() -> None:
        if (refused := next(refusals, None)) is not None:
            raise refused

    lab.sagemaker.refuse = refuse
    assert lab.work(bad, good) == 1
    assert lab.queue.pauses == [SOON[0]]
    assert len(lab.inputs) == 1
    assert lab.work(bad, receives=2) == 0
    assert len(lab.inputs) == 2


def test_the_sweep_starts_what_no_event_told_once_and_only_current_versions(lab: Lab) -> None:
    lab.put("batch/claims-fraud/a.csv", b"overwritten")
    lab.put("batch/claims-fraud/a.csv", b"current")
    lab.put("batch/claims-fraud/deleted.csv")
    lab.s3.delete_object(Bucket=RAW, Key="batch/claims-fraud/deleted.csv")
    lab.put("batch/abalone/b.csv")
    lab.work(lab.upload("batch/claims-fraud/told.csv"))

    assert lab.work(sweep("claims-fraud", "abalone", "no-such-model")) == 0
    assert lab.work(sweep("claims-fraud", "abalone")) == 0

    started = [each["PipelineName"] for each in lab.sagemaker.executions.values()]
    assert sorted(started) == ["abalone-batch", "claims-fraud-batch", "claims-fraud-batch"]
    assert lab.sagemaker.calls == 3


def test_a_sweep_that_meets_the_quota_ends_and_the_next_one_goes_on(lab: Lab) -> None:
    for name in "abc":
        lab.put(f"batch/claims-fraud/{name}.csv")

    def refuse() -> None:
        if len(lab.inputs) == 1:
            raise error("ResourceLimitExceeded")

    lab.sagemaker.refuse = refuse
    assert lab.work(sweep("claims-fraud")) == 0
    assert len(lab.inputs) == 1
    lab.sagemaker.refuse = lambda: None
    assert lab.work(sweep("claims-fraud")) == 0
    assert len(lab.inputs) == 3


def test_a_sweep_that_runs_out_of_time_comes_back(lab: Lab) -> None:
    lab.put("batch/claims-fraud/a.csv")
    assert lab.work(sweep("claims-fraud"), deadline=START + 5) == 1
    assert lab.work(sweep("claims-fraud")) == 0


def test_one_uploads_trouble_does_not_keep_the_sweep_from_the_newer_ones(lab: Lab) -> None:
    for name in "abc":
        lab.put(f"batch/claims-fraud/{name}.csv")
        lab.now += 1

    def refuse() -> None:
        if lab.sagemaker.calls == 1:
            raise error("AccessDeniedException")

    lab.sagemaker.refuse = refuse
    assert lab.work(sweep("claims-fraud")) == 1
    assert len(lab.inputs) == 2
    assert lab.work(sweep("claims-fraud")) == 0
    assert len(lab.inputs) == 3


def test_one_models_trouble_does_not_keep_the_sweep_from_the_others(lab: Lab) -> None:
    lab.put("batch/claims-fraud/a.csv")
    lab.put("batch/abalone/a.csv")

    def refuse() -> None:
        if lab.sagemaker.calls == 1:
            raise error("InternalFailure")

    lab.sagemaker.refuse = refuse
    assert lab.work(sweep("claims-fraud", "abalone")) == 1
    assert len(lab.inputs) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("no json", "malformed"),
        ("[]", "malformed"),
        ({"detail-type": "Object Created", "detail": {}}, "malformed"),
        (event("batch/claims-fraud/a.csv", ""), "malformed"),
        ({"sweep": "claims-fraud"}, "malformed"),
        ({"something": "else"}, "malformed"),
        (event("batch/claims-fraud/a.csv", "v", bucket="another"), "foreign-bucket"),
    ],
)
def test_a_message_of_no_use_is_put_aside_with_its_reason(lab: Lab, body: Any, code: str) -> None:
    assert lab.work(body) == 0
    assert [dead["Reason"] for dead in lab.queue.dead] == [code]
