"""Quarantine: the copy and the reason, in S3 as moto plays it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws
from start_pipeline.check import Finding
from start_pipeline.quarantine import LARGEST_COPY, quarantine

RAW, ARTIFACTS = "raw-bucket", "artifact-bucket"
FINDING = Finding("delimiter", "the columns are separated by semicolons (';')", {"delimiter": ";"})


@dataclass(frozen=True)
class Buckets:
    raw_bucket: str = RAW
    artifact_bucket: str = ARTIFACTS


@dataclass(frozen=True)
class File:
    key: str
    version_id: str
    etag: str = "abc"
    size: int = 3


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        for bucket in (RAW, ARTIFACTS):
            client.create_bucket(Bucket=bucket)
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        yield client


def put(s3: Any, key: str, content: bytes = b"a;b") -> File:
    answer = s3.put_object(Bucket=RAW, Key=key, Body=content)
    return File(key, answer["VersionId"], answer["ETag"].strip('"'), len(content))


def put_aside(s3: Any, file: File, finding: Finding = FINDING) -> str:
    return quarantine(s3, Buckets(), "claims-fraud", "claims", file, finding)


def read(s3: Any, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


def keys(s3: Any, bucket: str) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]


def test_the_copy_and_both_reasons_lie_in_one_folder(s3: Any) -> None:
    file = put(s3, "raw/claims-fraud/claims/a.csv")
    uri = put_aside(s3, file)
    reason = json.loads(read(s3, f"{uri}reason.json"))
    assert uri.startswith(f"s3://{ARTIFACTS}/quarantine/claims-fraud/claims/")
    assert read(s3, f"{uri}original") == b"a;b"
    assert reason == {
        "model": "claims-fraud",
        "table": "claims",
        "bucket": RAW,
        "key": file.key,
        "version_id": file.version_id,
        "etag": file.etag,
        "size": 3,
        "code": "delimiter",
        "reason": FINDING.reason,
        "details": {"delimiter": ";"},
        "copy": f"{uri}original",
    }


def test_the_version_that_was_checked_is_copied_not_a_newer_one(s3: Any) -> None:
    old = put(s3, "raw/claims-fraud/claims/a.csv")
    put(s3, "raw/claims-fraud/claims/a.csv", b"new")
    assert read(s3, f"{put_aside(s3, old)}original") == b"a;b"


def test_the_raw_object_stays(s3: Any) -> None:
    file = put(s3, "raw/claims-fraud/claims/a.csv")
    put_aside(s3, file)
    assert keys(s3, RAW) == [file.key]


def test_a_second_time_changes_nothing(s3: Any) -> None:
    file = put(s3, "raw/claims-fraud/claims/a.csv")
    first = put_aside(s3, file)
    before = read(s3, f"{first}reason.json")
    assert put_aside(s3, file) == first
    assert read(s3, f"{first}reason.json") == before
    assert len(keys(s3, ARTIFACTS)) == 2


@pytest.mark.parametrize("name", ["한 글+%.csv", "a\\b.csv", "🦆.csv", "a b/c?d#e&f.csv", "x" * 900 + ".csv"])
def test_no_name_of_a_file_gets_into_the_names_of_the_copy(s3: Any, name: str) -> None:
    uri = put_aside(s3, put(s3, f"raw/claims-fraud/claims/{name}"))
    assert read(s3, f"{uri}original") == b"a;b"
    assert all(key.isascii() and len(key) < 120 for key in keys(s3, ARTIFACTS))


def test_of_a_file_too_large_for_one_copy_only_the_reason_is_kept(s3: Any) -> None:
    uri = put_aside(s3, File("raw/claims-fraud/claims/huge.csv", "v1", size=LARGEST_COPY + 1))
    assert json.loads(read(s3, f"{uri}reason.json"))["copy"] is None
    assert keys(s3, ARTIFACTS) == [f"{uri.removeprefix(f's3://{ARTIFACTS}/')}reason.json"]


def test_a_version_that_is_gone_leaves_no_reason_behind(s3: Any) -> None:
    file = put(s3, "raw/claims-fraud/claims/a.csv")
    s3.delete_object(Bucket=RAW, Key=file.key, VersionId=file.version_id)
    with pytest.raises(s3.exceptions.ClientError):
        put_aside(s3, file)
    assert keys(s3, ARTIFACTS) == []
