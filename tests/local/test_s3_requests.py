"""What S3 refuses of an upload, a copy or a read, and what reads by range and part get."""

from __future__ import annotations

import base64
import hashlib
import io
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.local.uploads_lab import Uploads

BIG = 5 * 1024 * 1024
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def uploads(embedded: Any) -> Uploads:
    return Uploads(embedded)


def refusal(call: Callable[..., Any], **params: Any) -> tuple[str, int]:
    """Code and HTTP status of the error."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def sent(
    url: str, *, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers or {}, method=method)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def encoded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def test_an_upload_that_is_said_to_be_a_form_is_stored_as_it_came(uploads: Uploads) -> None:
    url = uploads.s3.generate_presigned_url("put_object", Params={"Bucket": uploads.bucket, "Key": "a.csv"})

    sent(url, method="PUT", body=b"id=1&key=2\n", headers={"Content-Type": FORM})

    found = uploads.s3.get_object(Bucket=uploads.bucket, Key="a.csv")
    assert found["Body"].read() == b"id=1&key=2\n"
    assert found["ContentType"] == FORM


@pytest.mark.parametrize(
    ("member", "right", "code"),
    [
        ("ContentMD5", encoded(hashlib.md5(b"right").digest()), "BadDigest"),
        ("ChecksumSHA256", encoded(hashlib.sha256(b"right").digest()), "BadDigest"),
        ("ChecksumSHA1", encoded(hashlib.sha1(b"right").digest()), "BadDigest"),
        ("ChecksumCRC32", "AAAAAA==", "BadDigest"),
        ("ContentMD5", "AAAA", "InvalidDigest"),
        ("ChecksumSHA256", "AAAA", "InvalidRequest"),
    ],
)
def test_an_upload_with_the_checksum_of_other_bytes_is_refused(
    uploads: Uploads, member: str, right: str, code: str
) -> None:
    wanted = {"Bucket": uploads.bucket, "Key": "a.csv", member: right}

    assert refusal(uploads.s3.put_object, Body=b"wrong", **wanted) == (code, 400)
    assert refusal(uploads.s3.head_object, Bucket=uploads.bucket, Key="a.csv") == ("404", 404)
    if code == "BadDigest" and member != "ChecksumCRC32":
        uploads.s3.put_object(Body=b"right", **wanted)


@pytest.mark.parametrize(("checksum", "status"), [("AAAAAA==", 400), ("NhCmhg==", 200)])
def test_the_checksum_after_an_upload_in_chunks_counts(uploads: Uploads, checksum: str, status: int) -> None:
    chunked = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-trailer": "x-amz-checksum-crc32",
        "x-amz-decoded-content-length": "5",
        "Content-Encoding": "aws-chunked",
    }
    body = f"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{checksum}\r\n\r\n".encode()
    url = uploads.s3.generate_presigned_url("put_object", Params={"Bucket": uploads.bucket, "Key": "a.csv"})

    assert sent(url, method="PUT", body=body, headers=chunked)[0] == status
    if status == 200:
        assert uploads.s3.get_object(Bucket=uploads.bucket, Key="a.csv")["Body"].read() == b"hello"


def test_what_boto3_uploads_in_parts_comes_back_whole_and_part_by_part(uploads: Uploads) -> None:
    body = b"a" * BIG + b"b" * BIG + b"c"
    config = TransferConfig(multipart_threshold=BIG, multipart_chunksize=BIG)
    uploads.s3.upload_fileobj(io.BytesIO(body), uploads.bucket, "big", Config=config)
    named = {"Bucket": uploads.bucket, "Key": "big"}

    assert uploads.s3.get_object(**named)["Body"].read() == body
    second, last = (uploads.s3.get_object(**named, PartNumber=number) for number in (2, 3))
    assert second["Body"].read() == b"b" * BIG
    assert last["Body"].read() == b"c"
    assert (last["PartsCount"], last["ContentRange"]) == (3, f"bytes {2 * BIG}-{2 * BIG}/{len(body)}")
    head = uploads.s3.head_object(**named, PartNumber=1)
    assert (head["ContentLength"], head["ETag"]) == (BIG, uploads.s3.head_object(**named)["ETag"])
    assert refusal(uploads.s3.get_object, **named, PartNumber=4) == ("InvalidPartNumber", 416)
    assert refusal(uploads.s3.get_object, **named, PartNumber=1, Range="bytes=0-1") == ("InvalidRequest", 400)


def test_a_range_that_is_none_is_not_heeded(uploads: Uploads) -> None:
    uploads.put("a.csv", b"hello")

    for wanted in ("lines=1-2", "nonsense"):
        found = uploads.s3.get_object(Bucket=uploads.bucket, Key="a.csv", Range=wanted)
        assert (found["Body"].read(), found["ResponseMetadata"]["HTTPStatusCode"]) == (b"hello", 200)


def test_parts_need_an_upload_and_a_number_and_are_named_in_order(uploads: Uploads) -> None:
    named = {"Bucket": uploads.bucket, "Key": "big"}
    upload = uploads.s3.create_multipart_upload(**named)["UploadId"]
    tags = [
        uploads.s3.upload_part(**named, UploadId=upload, PartNumber=number, Body=b"x" * BIG)["ETag"]
        for number in (1, 2)
    ]
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]

    assert refusal(uploads.s3.upload_part, **named, UploadId="none", PartNumber=1, Body=b"") == ("NoSuchUpload", 404)
    for number in (0, 10_001):
        given = {"UploadId": upload, "PartNumber": number, "Body": b""}
        assert refusal(uploads.s3.upload_part, **named, **given) == ("InvalidArgument", 400)
    backwards = {"UploadId": upload, "MultipartUpload": {"Parts": parts[::-1]}}
    assert refusal(uploads.s3.complete_multipart_upload, **named, **backwards) == ("InvalidPartOrder", 400)
    uploads.s3.complete_multipart_upload(**named, UploadId=upload, MultipartUpload={"Parts": parts})


def test_a_copy_is_made_only_when_its_conditions_hold(uploads: Uploads) -> None:
    uploads.put("a.csv", b"hello")
    tag = uploads.s3.head_object(Bucket=uploads.bucket, Key="a.csv")["ETag"]
    copy = {"Bucket": uploads.bucket, "Key": "b.csv", "CopySource": {"Bucket": uploads.bucket, "Key": "a.csv"}}
    failing: list[dict[str, Any]] = [
        {"CopySourceIfMatch": '"other"'},
        {"CopySourceIfNoneMatch": tag},
        {"CopySourceIfModifiedSince": "2099-01-01"},
        {"CopySourceIfUnmodifiedSince": "2000-01-01"},
    ]

    for condition in failing:
        assert refusal(uploads.s3.copy_object, **copy, **condition) == ("PreconditionFailed", 412)
    # S3 heeds the ETag where a time contradicts it.
    uploads.s3.copy_object(**copy, CopySourceIfMatch=tag, CopySourceIfUnmodifiedSince="2000-01-01")
    uploads.s3.copy_object(**copy, CopySourceIfNoneMatch='"other"', CopySourceIfModifiedSince="2099-01-01")


def test_of_writers_who_all_want_to_be_the_first_one_is(uploads: Uploads) -> None:
    def put(number: int) -> bool:
        with suppress(ClientError):
            uploads.s3.put_object(Bucket=uploads.bucket, Key=f"lock-{number // 8}", Body=b"mine", IfNoneMatch="*")
            return True
        return False

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(put, range(160)))

    assert [sum(won[start : start + 8]) for start in range(0, 160, 8)] == [1] * 20


def test_a_copy_and_an_upload_in_parts_replace_only_what_was_expected(uploads: Uploads) -> None:
    uploads.put("a.csv", b"hello")
    named = {"Bucket": uploads.bucket, "Key": "a.csv"}
    tag = uploads.s3.head_object(**named)["ETag"]
    upload = uploads.s3.create_multipart_upload(**named)["UploadId"]
    part = uploads.s3.upload_part(**named, UploadId=upload, PartNumber=1, Body=b"parts")["ETag"]
    complete = {"UploadId": upload, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part}]}}
    copy = {"CopySource": {"Bucket": uploads.bucket, "Key": "a.csv"}}
    writes = ((uploads.s3.copy_object, copy), (uploads.s3.complete_multipart_upload, complete))

    for write, params in writes:
        assert refusal(write, **named, **params, IfNoneMatch="*") == ("PreconditionFailed", 412)
        assert refusal(write, **named, **params, IfMatch='"other"') == ("PreconditionFailed", 412)
    assert refusal(uploads.s3.copy_object, **copy, Bucket=uploads.bucket, Key="new", IfMatch=tag) == ("NoSuchKey", 404)
    uploads.s3.complete_multipart_upload(**named, **complete, IfMatch=tag)
    assert uploads.s3.get_object(**named)["Body"].read() == b"parts"


def test_the_bucket_of_another_account_than_expected_is_refused(uploads: Uploads) -> None:
    uploads.put("a.csv")
    expected = {"Bucket": uploads.bucket, "Key": "a.csv", "ExpectedBucketOwner": "222222222222"}
    source = {"Bucket": uploads.bucket, "Key": "a.csv"}

    assert refusal(uploads.s3.get_object, **expected) == ("AccessDenied", 403)
    assert refusal(uploads.s3.put_object, **expected) == ("AccessDenied", 403)
    given = {"Bucket": uploads.bucket, "Key": "b.csv", "CopySource": source}
    assert refusal(uploads.s3.copy_object, **given, ExpectedSourceBucketOwner="222222222222") == ("AccessDenied", 403)
    uploads.s3.get_object(**source, ExpectedBucketOwner="111111111111")


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}, ("NotImplemented", 501)),
        ({"IfNoneMatch": '"0123"'}, ("NotImplemented", 501)),
        ({"ACL": "public-read"}, ("AccessControlListNotSupported", 400)),
        ({"Metadata": {"note": "x" * 2048}}, ("MetadataTooLarge", 400)),
    ],
)
def test_an_upload_that_s3_refuses_is_refused(uploads: Uploads, given: Any, refused: tuple[str, int]) -> None:
    assert refusal(uploads.s3.put_object, Bucket=uploads.bucket, Key="a.csv", Body=b"", **given) == refused


def test_a_bucket_that_allows_acls_takes_them(uploads: Uploads) -> None:
    rules = {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    uploads.s3.put_bucket_ownership_controls(Bucket=uploads.bucket, OwnershipControls=rules)

    uploads.s3.put_object(Bucket=uploads.bucket, Key="a.csv", ACL="public-read")


def test_a_page_begins_after_a_token_that_s3_gave(uploads: Uploads) -> None:
    for name in "abc":
        uploads.put(name)
    pages = uploads.s3.get_paginator("list_objects_v2").paginate(
        Bucket=uploads.bucket, PaginationConfig={"PageSize": 2}
    )

    assert [[each["Key"] for each in page["Contents"]] for page in pages] == [["a", "b"], ["c"]]
    made_up = {"Bucket": uploads.bucket, "ContinuationToken": "made-up"}
    assert refusal(uploads.s3.list_objects_v2, **made_up) == ("InvalidArgument", 400)


def test_a_presigned_url_holds_for_a_week_at_most(uploads: Uploads) -> None:
    uploads.put("a.csv")
    named = {"Bucket": uploads.bucket, "Key": "a.csv"}
    week, longer = (
        uploads.s3.generate_presigned_url("get_object", Params=named, ExpiresIn=seconds) for seconds in (604800, 604801)
    )

    assert sent(week)[0] == 200
    status, body = sent(longer)
    assert (status, b"AuthorizationQueryParametersError" in body) == (400, True)


def test_an_upload_by_a_form_is_refused_by_name(uploads: Uploads) -> None:
    address = uploads.s3.generate_presigned_post(uploads.bucket, "a.csv")["url"]
    headers = {"Content-Type": "multipart/form-data; boundary=x"}

    status, body = sent(address, method="POST", body=b"--x--", headers=headers)

    assert (status, b"presign a PUT instead" in body) == (501, True)


def test_the_contents_of_an_object_cannot_be_queried(uploads: Uploads) -> None:
    uploads.put("a.csv")
    csv: dict[str, Any] = {"CSV": {}}
    query = {"Expression": "select * from s3object", "ExpressionType": "SQL"}
    formats = {"InputSerialization": csv, "OutputSerialization": csv}
    given = {"Bucket": uploads.bucket, "Key": "a.csv", **query, **formats}

    assert refusal(uploads.s3.select_object_content, **given) == ("NotImplemented", 501)


@pytest.mark.parametrize("name", ["Capital-bucket", "two..dots", "192.168.1.1", "xn--name", "-dash", "name-s3alias"])
def test_a_bucket_cannot_have_a_name_that_s3_does_not_take(uploads: Uploads, name: str) -> None:
    place = {"LocationConstraint": "ap-northeast-2"}
    unchecked = boto3.session.Session("AKIA0LOC111111111111", "x", region_name="ap-northeast-2").client(
        "s3",
        endpoint_url=uploads.s3.meta.endpoint_url,
        config=Config(parameter_validation=False, s3={"addressing_style": "path"}),
    )

    made = {"Bucket": name, "CreateBucketConfiguration": place}
    assert refusal(unchecked.create_bucket, **made) == ("InvalidBucketName", 400)
