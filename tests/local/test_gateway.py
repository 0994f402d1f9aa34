"""The embedded AWS's door: who calls, what is asked, what is refused."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.local.gate_lab import REGION, Lab, allow


def test_the_account_of_a_request_is_the_one_in_its_access_key(embedded: Any) -> None:
    identity = embedded.client("sts", account="222222222222").get_caller_identity()

    assert identity["Account"] == "222222222222"
    assert identity["Arn"] == "arn:aws:iam::222222222222:root"


def test_an_access_key_that_nobody_issued_is_refused(embedded: Any) -> None:
    session = boto3.session.Session("AKIAIOSFODNN7EXAMPLE", "x", region_name="us-east-1")

    for service, call in (("sqs", "list_queues"), ("sts", "get_caller_identity"), ("s3", "list_buckets")):
        with pytest.raises(ClientError, match="AKIAIOSFODNN7EXAMPLE"):
            getattr(session.client(service, endpoint_url=embedded.url), call)()


def test_a_role_that_does_not_exist_cannot_be_assumed(embedded: Any) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        embedded.client("sts").assume_role(RoleArn="arn:aws:iam::111111111111:role/nobody", RoleSessionName="test")


def test_an_object_comes_back_as_it_was_put_and_lies_in_an_ordinary_file(embedded: Any) -> None:
    s3 = embedded.client("s3")
    s3.create_bucket(Bucket="gateway-objects", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    body = bytes(range(256)) * 1000

    s3.put_object(Bucket="gateway-objects", Key="folder/a b+c%한글.bin", Body=body)

    assert s3.get_object(Bucket="gateway-objects", Key="folder/a b+c%한글.bin")["Body"].read() == body
    part = s3.get_object(Bucket="gateway-objects", Key="folder/a b+c%한글.bin", Range="bytes=10-19")
    assert part["Body"].read() == body[10:20]
    [file] = (embedded.folder / "objects" / "gateway-objects" / "folder").iterdir()
    assert file.read_bytes() == body
    s3.delete_object(Bucket="gateway-objects", Key="folder/a b+c%한글.bin")
    assert not file.exists()


def test_many_readers_of_one_object_each_get_all_of_it(embedded: Any) -> None:
    s3 = embedded.client("s3")
    s3.create_bucket(Bucket="gateway-readers", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    s3.put_object(Bucket="gateway-readers", Key="k", Body=b"x" * 10_000)

    def read(_: int) -> int:
        return len(s3.get_object(Bucket="gateway-readers", Key="k")["Body"].read())

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, range(200))) == {10_000}


def test_a_multipart_upload_of_several_parts_comes_back_whole(embedded: Any) -> None:
    s3 = embedded.client("s3")
    s3.create_bucket(Bucket="gateway-parts", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    upload = s3.create_multipart_upload(Bucket="gateway-parts", Key="big")["UploadId"]
    bodies = [b"a" * 5 * 1024 * 1024, b"b" * 10]
    parts = [
        {
            "PartNumber": number,
            "ETag": s3.upload_part(Bucket="gateway-parts", Key="big", UploadId=upload, PartNumber=number, Body=body)[
                "ETag"
            ],
        }
        for number, body in enumerate(bodies, 1)
    ]

    s3.complete_multipart_upload(Bucket="gateway-parts", Key="big", UploadId=upload, MultipartUpload={"Parts": parts})

    assert s3.get_object(Bucket="gateway-parts", Key="big")["Body"].read() == b"".join(bodies)


def test_several_requests_share_one_connection(embedded: Any) -> None:
    address = urlsplit(embedded.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port)
    answers = []
    for _ in range(3):
        connection.request("GET", "/_millrace/health")
        answers.append(connection.getresponse().read())
        socket = connection.sock
        assert socket is not None, "the server closed the connection"
    connection.close()

    assert len(set(answers)) == 1


def test_the_server_listens_on_the_loopback_address_only(embedded: Any) -> None:
    assert urlsplit(embedded.url).hostname == "127.0.0.1"
    assert embedded.internal("health")["status"] == "ready"


def test_a_port_that_is_taken_is_named_in_the_error(embedded: Any, tmp_path: Any) -> None:
    import subprocess
    import sys

    port = str(urlsplit(embedded.url).port)
    ended = subprocess.run(
        [sys.executable, "-m", "millrace.local.server", "--folder", str(tmp_path), "--port", port],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 1
    assert f"Port {port}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_clock_moves_forward_only(embedded_factory: Callable[..., Any]) -> None:
    server = embedded_factory()
    before = server.internal("clock")["now"]

    server.advance(3600)

    assert server.internal("clock")["now"] >= before + 3600
    with pytest.raises(OSError, match="400"):
        server.internal("clock", {"advance": -1})


def test_moto_gets_the_parameters_that_are_in_the_path(embedded: Any) -> None:
    scheduler = embedded.client("scheduler")

    scheduler.create_schedule_group(Name="gateway-group")

    assert scheduler.get_schedule_group(Name="gateway-group")["Arn"].endswith(":schedule-group/gateway-group")


@pytest.mark.parametrize(
    ("service", "call", "params", "name"),
    [
        ("iam", "get_context_keys_for_custom_policy", {"PolicyInputList": ["{}"]}, "iam:GetContextKeysForCustomPolicy"),
        ("sts", "decode_authorization_message", {"EncodedMessage": "x"}, "sts:DecodeAuthorizationMessage"),
        ("service-quotas", "list_services", {}, "servicequotas:ListServices"),
        ("lambda", "get_account_settings", {}, "lambda:GetAccountSettings"),
        ("accessanalyzer", "list_analyzers", {}, "access-analyzer:GET /analyzer"),
        ("athena", "start_query_execution", {"QueryString": "select 1"}, "athena:StartQueryExecution"),
        ("logs", "start_query", {"startTime": 0, "endTime": 1, "queryString": "fields @message"}, "logs:StartQuery"),
        ("sts", "get_session_token", {}, "sts:GetSessionToken"),
    ],
)
def test_what_is_not_there_is_refused_by_its_name_and_not_tried_again(
    embedded: Any, service: str, call: str, params: dict[str, Any], name: str
) -> None:
    with pytest.raises(ClientError, match=f"The embedded AWS does not have {name}") as caught:
        getattr(embedded.client(service), call)(**params)

    answer = caught.value.response
    assert answer["Error"]["Code"] == "UnknownOperationException"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert answer["ResponseMetadata"]["RetryAttempts"] == 0


def test_a_fault_inside_names_the_operation_and_what_happened(embedded: Any) -> None:
    s3 = {"TableArn": "arn:aws:dynamodb:ap-northeast-2:111111111111:table/none", "S3Bucket": "none"}

    with pytest.raises(ClientError, match="dynamodb:ExportTableToPointInTime failed with KeyError: 'S3Prefix'"):
        embedded.client("dynamodb").export_table_to_point_in_time(**s3)


@pytest.mark.parametrize("service", ["sts", "s3", "sagemaker"])
@pytest.mark.parametrize("token", [None, "another"])
def test_the_key_of_a_session_is_refused_without_its_token(embedded: Any, service: str, token: str | None) -> None:
    role = Lab(embedded).role(allow("*"))
    keys = embedded.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    calls = {"sts": "get_caller_identity", "s3": "list_buckets", "sagemaker": "list_pipelines"}

    def call(session_token: str | None) -> Any:
        session = boto3.session.Session(keys["AccessKeyId"], keys["SecretAccessKey"], session_token, REGION)
        return getattr(session.client(service, endpoint_url=embedded.url), calls[service])()

    call(keys["SessionToken"])
    with pytest.raises(ClientError, match="AWS_SESSION_TOKEN") as caught:
        call(token)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_key_that_is_no_sessions_is_refused_with_a_token(embedded: Any) -> None:
    session = boto3.session.Session("AKIA0LOC111111111111", "x", "left over", REGION)

    with pytest.raises(ClientError, match="AWS_SESSION_TOKEN"):
        session.client("sts", endpoint_url=embedded.url).get_caller_identity()


def test_a_presigned_url_of_a_session_works_with_the_token_that_is_in_it(embedded: Any) -> None:
    lab = Lab(embedded)
    lab.client("s3").create_bucket(Bucket="gateway-presigned", CreateBucketConfiguration={"LocationConstraint": REGION})
    lab.client("s3").put_object(Bucket="gateway-presigned", Key="k", Body=b"hello")
    client = lab.session(lab.role(allow("s3:GetObject"))).client("s3", endpoint_url=embedded.url)
    url = client.generate_presigned_url("get_object", Params={"Bucket": "gateway-presigned", "Key": "k"})

    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"hello"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url.replace("X-Amz-Security-Token=", "X-Amz-Another="))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://a.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "http://localhost:3000", "Sec-Fetch-Site": "cross-site"}, 200),
        ({}, 200),
    ],
)
@pytest.mark.parametrize(
    "path", ["/_millrace/health", "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Credential="]
)
def test_the_pages_of_other_sites_are_refused_whatever_key_they_use(
    embedded: Any, path: str, headers: dict[str, str], status: int
) -> None:
    address = urlsplit(embedded.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port)
    scope = "AKIA0LOC111111111111/20260101/ap-northeast-2/sts/aws4_request" if path.endswith("=") else ""

    connection.request("GET", path + scope, headers=headers)

    assert connection.getresponse().status == status
    connection.close()
