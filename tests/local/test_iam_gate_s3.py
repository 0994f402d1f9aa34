"""S3 under the gate: versions, listings, copies, other accounts, keys, presigned and anonymous requests."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.gate_lab import ACCOUNT, OTHER, Lab, allow, denied, deny, document, to


@pytest.fixture
def lab(embedded: Any) -> Lab:
    return Lab(embedded)


@pytest.fixture
def filled(lab: Lab) -> str:
    """A versioned bucket that holds in/a, in/b and secret."""
    name, s3 = lab.bucket(), lab.client("s3")
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for key in ("in/a", "in/b", "secret"):
        s3.put_object(Bucket=name, Key=key, Body=key.encode())
    return name


def arn(bucket: str, key: str = "") -> str:
    return f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else "")


def test_reading_a_version_is_another_right_than_reading_the_newest(lab: Lab, filled: str) -> None:
    version = lab.client("s3").head_object(Bucket=filled, Key="in/a")["VersionId"]
    newest = lab.as_role("s3", allow("s3:GetObject", on=arn(filled, "in/*")))
    versions = lab.as_role("s3", allow("s3:GetObjectVersion", on=arn(filled, "in/*")))

    assert newest.get_object(Bucket=filled, Key="in/a")["Body"].read() == b"in/a"
    assert versions.get_object(Bucket=filled, Key="in/a", VersionId=version)["Body"].read() == b"in/a"
    assert "s3:GetObjectVersion" in denied(newest.get_object, Bucket=filled, Key="in/a", VersionId=version)
    denied(versions.get_object, Bucket=filled, Key="in/a")
    denied(newest.get_object, Bucket=filled, Key="secret")


def test_a_listing_is_limited_by_its_prefix(lab: Lab, filled: str) -> None:
    under = {"StringLike": {"s3:prefix": "in/*"}}
    s3 = lab.as_role("s3", allow("s3:ListBucket", "s3:ListBucketVersions", on=arn(filled), when=under))

    assert s3.list_objects_v2(Bucket=filled, Prefix="in/")["KeyCount"] == 2
    assert len(s3.list_object_versions(Bucket=filled, Prefix="in/a")["Versions"]) == 1
    denied(s3.list_objects_v2, Bucket=filled)
    denied(s3.list_objects_v2, Bucket=filled, Prefix="sec")


def test_who_may_not_list_does_not_learn_that_an_object_is_missing(lab: Lab, filled: str) -> None:
    read = allow("s3:GetObject", on=arn(filled, "*"))
    blind = lab.as_role("s3", read)
    under = {"StringLike": {"s3:prefix": "in/*"}}
    seeing = lab.as_role("s3", read, allow("s3:ListBucket", on=arn(filled), when=under))

    assert "s3:ListBucket" in denied(blind.get_object, Bucket=filled, Key="in/missing")
    denied(blind.head_object, Bucket=filled, Key="in/missing")
    with pytest.raises(ClientError, match="NoSuchKey"):
        seeing.get_object(Bucket=filled, Key="in/missing")
    denied(seeing.get_object, Bucket=filled, Key="elsewhere")


def test_a_copy_reads_its_source_and_writes_its_target(lab: Lab, filled: str) -> None:
    source = {"Bucket": filled, "Key": "in/a"}
    read, write = allow("s3:GetObject", on=arn(filled, "in/a")), allow("s3:PutObject", on=arn(filled, "out/*"))

    lab.as_role("s3", read, write).copy_object(Bucket=filled, Key="out/a", CopySource=source)

    assert "s3:PutObject" in denied(lab.as_role("s3", read).copy_object, Bucket=filled, Key="out/a", CopySource=source)
    assert "s3:GetObject" in denied(lab.as_role("s3", write).copy_object, Bucket=filled, Key="out/a", CopySource=source)


def test_each_key_of_a_deletion_is_decided(lab: Lab, filled: str) -> None:
    s3 = lab.as_role("s3", allow("s3:DeleteObject", on=arn(filled, "in/*")))
    both = {"Objects": [{"Key": "in/a"}, {"Key": "secret"}]}

    assert "/secret" in denied(s3.delete_objects, Bucket=filled, Delete=both)
    s3.delete_objects(Bucket=filled, Delete={"Objects": [{"Key": "in/a"}]})


def test_settings_of_a_bucket_have_actions_of_their_own_names(lab: Lab, filled: str) -> None:
    s3 = lab.as_role("s3", allow("s3:PutBucketNotification", "s3:GetLifecycleConfiguration", on=arn(filled)))

    s3.put_bucket_notification_configuration(Bucket=filled, NotificationConfiguration={})
    assert "s3:PutEncryptionConfiguration" in denied(s3.delete_bucket_encryption, Bucket=filled)
    assert "s3:ListBucket" in denied(s3.list_objects_v2, Bucket=filled)
    denied(s3.head_bucket, Bucket=filled)


def test_an_upload_in_parts_needs_the_right_to_put(lab: Lab, filled: str) -> None:
    s3 = lab.as_role("s3", allow("s3:PutObject", on=arn(filled, "out/*")))

    upload = s3.create_multipart_upload(Bucket=filled, Key="out/big")["UploadId"]
    s3.upload_part(Bucket=filled, Key="out/big", UploadId=upload, PartNumber=1, Body=b"x")

    denied(s3.abort_multipart_upload, Bucket=filled, Key="out/big", UploadId=upload)
    denied(s3.create_multipart_upload, Bucket=filled, Key="in/big")


def test_another_account_needs_both_its_own_policy_and_the_buckets(lab: Lab, filled: str) -> None:
    role = lab.role(allow("s3:GetObject"), account=OTHER)
    bare = lab.role(account=OTHER)
    s3, owner = lab.acting(role, "s3"), lab.client("s3")

    assert "no resource-based policy" in denied(s3.get_object, Bucket=filled, Key="in/a")
    everyone = to({"AWS": f"arn:aws:iam::{OTHER}:root"}, allow("s3:GetObject", on=arn(filled, "in/*")))
    owner.put_bucket_policy(Bucket=filled, Policy=document(everyone))

    assert s3.get_object(Bucket=filled, Key="in/a")["Body"].read() == b"in/a"
    denied(s3.get_object, Bucket=filled, Key="secret")
    assert "no identity-based policy" in denied(lab.acting(bare, "s3").get_object, Bucket=filled, Key="in/a")


def test_a_bucket_policy_that_demands_tls_lets_everyone_pass_here(lab: Lab, filled: str) -> None:
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    old = {"NumericLessThan": {"s3:TlsVersion": "1.2"}}
    both = [arn(filled), arn(filled, "*")]
    rules = [to("*", deny("s3:*", on=both, when=when)) for when in (insecure, old)]
    lab.client("s3").put_bucket_policy(Bucket=filled, Policy=document(*rules))

    lab.client("s3").put_object(Bucket=filled, Key="in/c", Body=b"c")


def test_a_buckets_deny_binds_even_the_root_of_its_account(lab: Lab, filled: str) -> None:
    rule = to("*", deny("s3:DeleteObject", on=arn(filled, "*")))
    lab.client("s3").put_bucket_policy(Bucket=filled, Policy=document(rule))

    message = denied(lab.client("s3").delete_object, Bucket=filled, Key="in/a")

    assert "with an explicit deny in a resource-based policy" in message


def test_an_object_can_be_shared_by_its_tag(lab: Lab, filled: str) -> None:
    public = {"StringEquals": {"s3:ExistingObjectTag/class": "public"}}
    s3 = lab.as_role("s3", allow("s3:GetObject", on=arn(filled, "*"), when=public))
    tags = {"TagSet": [{"Key": "class", "Value": "public"}]}
    lab.client("s3").put_object_tagging(Bucket=filled, Key="in/a", Tagging=tags)

    assert s3.get_object(Bucket=filled, Key="in/a")["Body"].read() == b"in/a"
    denied(s3.get_object, Bucket=filled, Key="in/b")


@pytest.fixture
def encrypted(lab: Lab) -> tuple[str, str]:
    """A bucket and the customer key that encrypts what is in it; it holds `k`."""
    name, key, s3 = lab.bucket(), lab.key(), lab.client("s3")
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_object(Bucket=name, Key="k", Body=b"value")
    return name, key


def test_an_encrypted_object_is_read_and_written_with_the_callers_right_to_its_key(
    lab: Lab, encrypted: tuple[str, str]
) -> None:
    bucket, key = encrypted
    objects = allow("s3:GetObject", "s3:PutObject", on=arn(bucket, "*"))
    without = lab.as_role("s3", objects)

    reading = denied(without.get_object, Bucket=bucket, Key="k")
    writing = denied(without.put_object, Bucket=bucket, Key="k2", Body=b"x")

    assert f"kms:Decrypt on resource: {key}" in reading
    assert "s3:GetObject needs it" in reading
    assert f"kms:GenerateDataKey on resource: {key}" in writing
    within = lab.as_role("s3", objects, allow("kms:Decrypt", "kms:GenerateDataKey", on=key))
    within.put_object(Bucket=bucket, Key="k2", Body=b"x")
    assert within.get_object(Bucket=bucket, Key="k2")["Body"].read() == b"x"


def test_the_use_of_a_key_can_be_limited_to_s3_and_a_bucket(lab: Lab, encrypted: tuple[str, str]) -> None:
    bucket, key = encrypted
    via = {
        "kms:ViaService": "s3.ap-northeast-2.amazonaws.com",
        "kms:EncryptionContext:aws:s3:arn": arn(bucket),
        "kms:CallerAccount": ACCOUNT,
    }
    role = lab.role(
        allow("s3:GetObject", on=arn(bucket, "*")), allow("kms:Decrypt", on=key, when={"StringEquals": via})
    )

    assert lab.acting(role, "s3").get_object(Bucket=bucket, Key="k")["Body"].read() == b"value"
    blob = lab.client("kms").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    denied(lab.acting(role, "kms").decrypt, CiphertextBlob=blob)


def test_metadata_of_an_encrypted_object_need_no_key(lab: Lab, encrypted: tuple[str, str]) -> None:
    bucket, _ = encrypted

    assert lab.as_role("s3", allow("s3:GetObject", on=arn(bucket, "*"))).head_object(Bucket=bucket, Key="k")


def test_a_presigned_url_has_the_rights_of_who_signed_it(lab: Lab, filled: str) -> None:
    s3 = lab.as_role("s3", allow("s3:GetObject", on=arn(filled, "in/*")))

    def fetch(key: str) -> bytes:
        url = s3.generate_presigned_url("get_object", Params={"Bucket": filled, "Key": key})
        with urllib.request.urlopen(url) as answer:
            return bytes(answer.read())

    assert fetch("in/a") == b"in/a"
    assert refused(lambda: fetch("secret")) == 403


def test_a_presigned_url_ends_at_its_time(lab: Lab, filled: str) -> None:
    s3 = lab.client("s3")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": filled, "Key": "in/a"}, ExpiresIn=-1)

    assert refused(lambda: urllib.request.urlopen(url)) == 403


def refused(call: Callable[[], Any]) -> int:
    with pytest.raises(urllib.error.HTTPError) as caught:
        call()
    code = caught.value.code
    caught.value.close()
    return code


def test_nobody_reads_without_credentials_unless_the_bucket_says_so(lab: Lab, filled: str) -> None:
    url = f"{lab.aws.url}/{filled}/in/a"

    assert refused(lambda: urllib.request.urlopen(url)) == 403
    assert refused(lambda: urllib.request.urlopen(urllib.request.Request(url, data=b"x", method="PUT"))) == 403
    public = to("*", allow("s3:GetObject", on=arn(filled, "in/*")))
    lab.client("s3").put_bucket_policy(Bucket=filled, Policy=document(public))
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"in/a"
    assert refused(lambda: urllib.request.urlopen(f"{lab.aws.url}/{filled}/secret")) == 403


def test_other_services_want_credentials(lab: Lab) -> None:
    headers = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}
    request = urllib.request.Request(f"{lab.aws.url}/", data=b"{}", headers=headers)

    assert refused(lambda: urllib.request.urlopen(request)) == 403


def test_a_bucket_in_the_hosts_name_is_decided_as_one_in_the_path(lab: Lab, filled: str) -> None:
    port = lab.aws.url.rsplit(":", 1)[1]

    def fetch(path: str) -> bytes:
        request = urllib.request.Request(f"{lab.aws.url}{path}", headers={"Host": f"{filled}.localhost:{port}"})
        with urllib.request.urlopen(request) as answer:
            return bytes(answer.read())

    public = to("*", allow("s3:GetObject", on=arn(filled, "in/*")))
    lab.client("s3").put_bucket_policy(Bucket=filled, Policy=document(public))

    assert fetch("/in/a") == b"in/a"
    assert refused(lambda: fetch("/secret")) == 403


def test_motos_own_switches_are_out_of_reach(lab: Lab) -> None:
    s3 = lab.as_role("s3", allow("s3:*"))

    assert refused(lambda: urllib.request.urlopen(f"{lab.aws.url}/moto-api/data.json")) == 403
    denied(s3.get_object, Bucket="moto-api", Key="data.json")
