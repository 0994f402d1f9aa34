"""Keys are any text of up to 1,024 bytes: they are stored, listed, copied and told of as they were given."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.uploads_lab import Uploads

COMPOSED = unicodedata.normalize("NFC", "raw/m/t/한글 파일.csv")
KEYS = {
    "two dots": "raw/m/t/a/../b.csv",
    "one dot": "raw/m/t/./c.csv",
    "two slashes": "raw/m/t//d.csv",
    "leading slash": "/raw/m/t/e.csv",
    "backslash": "raw/m/t/back\\slash.csv",
    "line feed": "raw/m/t/new\nline.csv",
    "line feed at the end": "raw/m/t/last\n",
    "carriage return": "raw/m/t/re\rturn.csv",
    "plus": "raw/m/t/a+b.csv",
    "encoded plus": "raw/m/t/a%2Bb.csv",
    "percent": "raw/m/t/100%.csv",
    "two hex digits": "raw/m/t/%41.csv",
    "spaces": "raw/m/t/ a  b .csv",
    "composed Korean": COMPOSED,
    "decomposed Korean": unicodedata.normalize("NFD", COMPOSED),
    "emoji": "raw/m/t/🙂.csv",
    "query": "raw/m/t/a?b=c&d#e.csv",
    "markup": "raw/m/t/<x>&amp;'\".csv",
    "1,024 bytes": "raw/m/t/" + "x" * 1012 + ".csv",
    "1,022 bytes of Korean": "raw/m/t/" + "한" * 336 + "ab.csv",
}
AWS = Path(sys.executable).with_name("aws")


@pytest.fixture(scope="module")
def uploads(embedded: Any) -> Uploads:
    return Uploads(embedded)


@pytest.fixture(params=list(KEYS))
def key(request: pytest.FixtureRequest) -> str:
    return KEYS[request.param]


def test_a_key_comes_back_from_every_operation_as_it_was_given(uploads: Uploads, key: str) -> None:
    s3, name = uploads.s3, {"Bucket": uploads.bucket, "Key": key}
    version = uploads.put(key, key.encode())
    (created,) = uploads.events(1)
    assert created["detail"]["object"]["key"] == key
    assert created["detail"]["object"]["version-id"] == version
    assert s3.get_object(**name, VersionId=version, Range="bytes=0-3")["Body"].read() == key.encode()[:4]
    assert s3.head_object(**name)["VersionId"] == version
    assert uploads.versions(key) == [(key, version, True)]
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=uploads.bucket, Prefix=key)["Contents"]] == [key]

    s3.copy_object(Bucket=uploads.bucket, Key="inputs/copy", CopySource={**name, "VersionId": version})
    assert s3.get_object(Bucket=uploads.bucket, Key="inputs/copy")["Body"].read() == key.encode()
    assert uploads.events(1)[0]["detail"]["reason"] == "CopyObject"

    s3.delete_object(**name)
    (marked,) = uploads.events(1)
    assert (marked["detail"]["object"]["key"], marked["detail"]["deletion-type"]) == (key, "Delete Marker Created")
    every = [
        {"Key": each["Key"], "VersionId": each["VersionId"]}
        for kind, found in s3.list_object_versions(Bucket=uploads.bucket, Prefix=key).items()
        if kind in ("Versions", "DeleteMarkers")
        for each in found
    ]
    assert len(s3.delete_objects(Bucket=uploads.bucket, Delete={"Objects": every})["Deleted"]) == 2
    gone = [each["detail"] for each in uploads.events(2)]
    assert [each["object"]["key"] for each in gone] == [key, key]
    assert {each["deletion-type"] for each in gone} == {"Permanently Deleted"}
    assert uploads.versions(key) == []


def test_two_spellings_of_one_name_are_two_objects(uploads: Uploads) -> None:
    spellings = [KEYS["composed Korean"], KEYS["decomposed Korean"]]
    ids = [uploads.put(each) for each in spellings]
    assert {name: version for name, version, _ in uploads.versions("raw/m/t/")} == dict(
        zip(spellings, ids, strict=True)
    )
    uploads.events(2)
    for name, version in zip(spellings, ids, strict=True):
        uploads.s3.delete_object(Bucket=uploads.bucket, Key=name, VersionId=version)
    uploads.events(2)


@pytest.mark.parametrize("name", ["x" * 1025, "한" * 342])
def test_a_longer_key_is_refused(uploads: Uploads, name: str) -> None:
    with pytest.raises(ClientError) as caught:
        uploads.put(name)
    assert caught.value.response["Error"]["Code"] == "KeyTooLongError"


@pytest.mark.parametrize("key", ["raw/m/a/../한글 a+b%2B\n.csv", "raw/m/<x>&amp;'\"\\🙂 100%.csv"])
def test_the_aws_command_line_uses_the_same_keys(embedded: Any, uploads: Uploads, tmp_path: Path, key: str) -> None:
    file = tmp_path / "upload.csv"
    file.write_bytes(b"by the command line")

    def aws(*arguments: str) -> str:
        done = subprocess.run([sys.executable, AWS, *arguments], env=embedded.env(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    aws("s3", "cp", str(file), f"s3://{uploads.bucket}/{key}")
    (created,) = uploads.events(1)
    assert created["detail"]["object"]["key"] == key
    bucket = ("--bucket", uploads.bucket)
    listed = json.loads(aws("s3api", "list-object-versions", *bucket, "--prefix", key))
    assert [each["Key"] for each in listed["Versions"]] == [key]
    version = listed["Versions"][0]["VersionId"]
    aws("s3api", "delete-object", *bucket, "--key", key, "--version-id", version)
    assert uploads.events(1)[0]["detail"]["object"]["key"] == key
