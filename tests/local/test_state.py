"""What the embedded AWS keeps over a restart, and what a crash leaves behind."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LOCATION = {"LocationConstraint": "ap-northeast-2"}
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


def test_resources_objects_and_sessions_survive_a_restart(embedded_factory: Callable[..., Any], tmp_path: Path) -> None:
    first = embedded_factory(tmp_path)
    s3 = first.client("s3")
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration=LOCATION)
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="kept", Key="a/b", Body=b"one")
    s3.put_object(Bucket="kept", Key="a/b", Body=b"two")
    key = first.client("kms").create_key()["KeyMetadata"]["KeyId"]
    cipher = first.client("kms").encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    queue = first.client("sqs").create_queue(QueueName="kept")["QueueUrl"]
    first.client("sqs").send_message(QueueUrl=queue, MessageBody="still here")
    first.client("iam").create_role(RoleName="kept", AssumeRolePolicyDocument=TRUST)
    first.client("dynamodb").create_table(
        TableName="kept",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    first.client("events").put_rule(Name="kept", EventPattern='{"source": ["aws.s3"]}')
    first.client("logs").create_log_group(logGroupName="kept")
    first.client("ssm").put_parameter(Name="/kept", Value="v", Type="String")
    first.stop()

    second = embedded_factory(tmp_path)
    s3 = second.client("s3")
    versions = s3.list_object_versions(Bucket="kept")["Versions"]
    bodies = [s3.get_object(Bucket="kept", Key="a/b", VersionId=v["VersionId"])["Body"].read() for v in versions]
    assert sorted(bodies) == [b"one", b"two"]
    assert second.client("kms").decrypt(CiphertextBlob=cipher)["Plaintext"] == b"secret"
    queue = second.client("sqs").get_queue_url(QueueName="kept")["QueueUrl"]
    [message] = second.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert message["Body"] == "still here"
    assert second.client("iam").get_role(RoleName="kept")["Role"]["RoleName"] == "kept"
    assert second.client("dynamodb").list_tables()["TableNames"] == ["kept"]
    assert [rule["Name"] for rule in second.client("events").list_rules()["Rules"]] == ["kept"]
    assert second.client("ssm").get_parameter(Name="/kept")["Parameter"]["Value"] == "v"


def test_another_account_still_reads_what_a_bucket_lets_it_read_after_a_restart(
    embedded_factory: Callable[..., Any], tmp_path: Path
) -> None:
    first = embedded_factory(tmp_path)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::shared/*",
    }
    s3 = first.client("s3")
    s3.create_bucket(Bucket="shared", CreateBucketConfiguration=LOCATION)
    s3.put_bucket_policy(Bucket="shared", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    s3.put_object(Bucket="shared", Key="a", Body=b"one")
    first.stop()

    other = embedded_factory(tmp_path).client("s3", account="222222222222")
    assert other.get_object(Bucket="shared", Key="a")["Body"].read() == b"one"


def test_state_of_another_version_is_refused_with_what_to_do(
    embedded_factory: Callable[..., Any], tmp_path: Path
) -> None:
    import pickle

    (tmp_path / "state.pickle").write_bytes(pickle.dumps({"format": 0, "moto": "1.0", "python": ("3", "11")}))

    with pytest.raises(pytest.fail.Exception, match="millrace reset"):
        embedded_factory(tmp_path)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_child_outlives_the_server(embedded_factory: Callable[..., Any], end: int) -> None:
    server = embedded_factory()
    children = _descendants(server.process.pid)
    assert children, "the fork servers should be running"

    server.process.send_signal(end)
    server.process.wait(20)

    deadline = time.monotonic() + 20
    while (alive := [pid for pid in children if _alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive


def _descendants(pid: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z" if Path("/proc").exists() else True
