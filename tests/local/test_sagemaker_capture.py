"""Data capture: what goes through an endpoint is in S3 as the developer guide says, and never costs a request."""

from __future__ import annotations

import base64
import json
import re
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.iam_lab import EVERYTHING, deny, make_role
from tests.sagemaker_lab import EndpointLab, until

HEADERS = {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}
BOTH = [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]


@pytest.fixture(scope="session")
def lab(embedded: Any) -> EndpointLab:
    return EndpointLab(embedded)


class Captured:
    """An endpoint that captures into a prefix of its own."""

    def __init__(self, lab: EndpointLab, model: str, **capture: Any) -> None:
        self.lab = lab
        self.prefix = f"captured-{uuid.uuid4().hex[:6]}"
        config = {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{lab.bucket}/{self.prefix}/",
            "CaptureOptions": BOTH,
            "CaptureContentTypeHeader": HEADERS,
        }
        variant = {"VariantName": "v", "ModelName": model, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        lab.sagemaker.create_endpoint_config(
            EndpointConfigName=self.prefix, ProductionVariants=[variant], DataCaptureConfig=config | capture
        )
        self.name = lab.serve(self.prefix)

    def records(self, count: int) -> list[dict[str, Any]]:
        def found() -> list[dict[str, Any]]:
            return [json.loads(line) for key in self.keys() for line in self.lab.text(key).splitlines()]

        return list(until(found, lambda records: len(records) >= count))

    def keys(self) -> list[str]:
        return self.lab.keys(f"{self.prefix}/")


@pytest.fixture(scope="session")
def model(lab: EndpointLab) -> str:
    return lab.config("captured")


def test_requests_and_answers_are_captured_in_the_documented_form(lab: EndpointLab, model: str) -> None:
    captured = Captured(lab, model)
    described = lab.describe(captured.name)["DataCaptureConfig"]
    assert described["CaptureStatus"] == "Started"
    assert described["CurrentSamplingPercentage"] == 100
    lab.invoke(captured.name, "1,2", ContentType="text/csv", InferenceId="row-7")
    [record] = captured.records(1)
    assert record["captureData"]["endpointInput"] == {
        "observedContentType": "text/csv",
        "mode": "INPUT",
        "data": "1,2",
        "encoding": "CSV",
    }
    output = record["captureData"]["endpointOutput"]
    assert (output["encoding"], output["mode"]) == ("JSON", "OUTPUT")
    assert json.loads(output["data"])[0] == "captured"
    assert record["eventVersion"] == "0"
    assert record["eventMetadata"]["inferenceId"] == "row-7"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["eventMetadata"]["inferenceTime"])
    [key] = captured.keys()
    path = rf"{captured.prefix}/{captured.name}/v/\d{{4}}/\d\d/\d\d/\d\d/[\w-]+\.jsonl"
    assert re.fullmatch(path, key)


def test_what_is_no_listed_text_is_captured_as_base64(lab: EndpointLab, model: str) -> None:
    captured = Captured(lab, model, CaptureOptions=[{"CaptureMode": "Input"}])
    lab.runtime.invoke_endpoint(EndpointName=captured.name, Body=b"\x00\xff", ContentType="application/x-parquet")
    [record] = captured.records(1)
    part = record["captureData"]["endpointInput"]
    assert part["encoding"] == "BASE64"
    assert base64.b64decode(part["data"]) == b"\x00\xff"
    assert "endpointOutput" not in record["captureData"]


def test_a_share_of_the_requests_is_captured(lab: EndpointLab, model: str) -> None:
    captured = Captured(lab, model, InitialSamplingPercentage=30)
    for _ in range(60):
        lab.invoke(captured.name, "x")
    lab.sagemaker.delete_endpoint(EndpointName=captured.name)
    lab.sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=captured.name, WaiterConfig={"Delay": 0.05})
    assert 5 <= len(captured.records(1)) <= 35


def test_captures_are_encrypted_with_their_key(lab: EndpointLab, model: str) -> None:
    key = lab.embedded.client("kms").create_key()["KeyMetadata"]["Arn"]
    captured = Captured(lab, model, KmsKeyId=key)
    lab.invoke(captured.name, "x")
    captured.records(1)
    [name] = captured.keys()
    head = lab.s3.head_object(Bucket=lab.bucket, Key=name)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)


@pytest.mark.parametrize("action", ["s3:PutObject", "kms:GenerateDataKey"])
def test_a_role_that_may_not_write_loses_captures_and_no_request(lab: EndpointLab, action: str) -> None:
    key = lab.embedded.client("kms").create_key()["KeyMetadata"]["Arn"]
    name = f"captures-{uuid.uuid4().hex[:6]}"
    role = make_role(lab.embedded.client("iam"), name, "sagemaker.amazonaws.com", may=[EVERYTHING, deny(action)])
    captured = Captured(lab, lab.config("denied", ExecutionRoleArn=role), KmsKeyId=key)
    assert lab.name_served(captured.name) == "denied"

    def refused() -> list[Any]:
        asked = {"role": name, "action": action, "denied": True}
        return list(lab.embedded.internal("audit", asked)["decisions"])

    until(refused, bool)
    assert lab.name_served(captured.name) == "denied"
    assert captured.keys() == []


def test_a_capture_that_makes_no_sense_is_refused(lab: EndpointLab, model: str) -> None:
    for capture, message in (
        ({"CaptureOptions": [{"CaptureMode": "Everything"}]}, "CaptureMode"),
        ({"DestinationS3Uri": "https://b/c"}, "must begin with s3://"),
    ):
        with pytest.raises(ClientError, match=message):
            Captured(lab, model, **capture)
