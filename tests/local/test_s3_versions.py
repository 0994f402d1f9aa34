"""Versions: none is lost when uploads race, all are listed in pages, and each deletion is told of."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.local.uploads_lab import Uploads


@pytest.fixture
def uploads(embedded: Any) -> Uploads:
    return Uploads(embedded)


def test_uploads_of_one_key_at_the_same_time_are_all_kept(uploads: Uploads) -> None:
    with ThreadPoolExecutor(8) as pool:
        put = list(pool.map(lambda number: uploads.put("raw/a.csv", b"%d" % number), range(40)))
    listed = uploads.versions()
    assert sorted(version for _, version, _ in listed) == sorted(put)
    assert [newest for _, _, newest in listed] == [True] + [False] * 39
    assert sorted(each["detail"]["object"]["version-id"] for each in uploads.events(40)) == sorted(put)


def test_the_versions_of_a_key_are_listed_newest_first_with_its_delete_markers(uploads: Uploads) -> None:
    first, second = uploads.put("a.csv"), uploads.put("a.csv")
    marker = uploads.s3.delete_object(Bucket=uploads.bucket, Key="a.csv")["VersionId"]
    listed = uploads.s3.list_object_versions(Bucket=uploads.bucket)
    assert [(each["VersionId"], each["IsLatest"]) for each in listed["Versions"]] == [(second, False), (first, False)]
    assert [(each["VersionId"], each["IsLatest"]) for each in listed["DeleteMarkers"]] == [(marker, True)]
    uploads.s3.delete_object(Bucket=uploads.bucket, Key="a.csv", VersionId=marker)
    assert uploads.versions() == [("a.csv", second, True), ("a.csv", first, False)]
    uploads.s3.delete_object(Bucket=uploads.bucket, Key="a.csv", VersionId=second)
    assert uploads.versions() == [("a.csv", first, True)]
    assert uploads.s3.get_object(Bucket=uploads.bucket, Key="a.csv")["VersionId"] == first


def test_each_deletion_is_told_of_with_its_version(uploads: Uploads) -> None:
    first, second = uploads.put("a.csv"), uploads.put("a.csv")
    uploads.events(2)
    marker = uploads.s3.delete_object(Bucket=uploads.bucket, Key="a.csv")["VersionId"]
    for version in (second, marker, first):
        answer = uploads.s3.delete_object(Bucket=uploads.bucket, Key="a.csv", VersionId=version)
        assert answer.get("DeleteMarker", False) == (version == marker)
    uploads.s3.delete_object(Bucket=uploads.bucket, Key="a.csv", VersionId=first)  # nothing is there any more
    told = [(each["detail"]["object"]["version-id"], each["detail"]["deletion-type"]) for each in uploads.events(4)]
    assert sorted(told) == sorted(
        [(marker, "Delete Marker Created"), *((each, "Permanently Deleted") for each in (second, marker, first))]
    )


def test_a_key_that_never_was_can_be_marked_as_deleted(uploads: Uploads) -> None:
    marker = uploads.s3.delete_object(Bucket=uploads.bucket, Key="never.csv")
    assert marker["DeleteMarker"]
    listed = uploads.s3.list_object_versions(Bucket=uploads.bucket)
    assert [each["VersionId"] for each in listed["DeleteMarkers"]] == [marker["VersionId"]]


def test_a_version_without_an_object_is_refused_as_what_it_is(uploads: Uploads) -> None:
    uploads.put("a.csv")
    marker = uploads.s3.delete_object(Bucket=uploads.bucket, Key="a.csv")["VersionId"]

    def refused(call: Any, **params: Any) -> str:
        with pytest.raises(ClientError) as caught:
            call(Bucket=uploads.bucket, **params)
        return str(caught.value.response["Error"]["Code"])

    get, copy = uploads.s3.get_object, uploads.s3.copy_object
    source = {"Bucket": uploads.bucket, "Key": "a.csv"}
    assert refused(get, Key="a.csv") == refused(copy, Key="b", CopySource=source) == "NoSuchKey"
    gone = {**source, "VersionId": "0123456789abcdef"}
    assert refused(get, Key="a.csv", VersionId=gone["VersionId"]) == "NoSuchVersion"
    assert refused(copy, Key="b", CopySource=gone) == "NoSuchVersion"
    assert refused(get, Key="a.csv", VersionId=marker) == "MethodNotAllowed"
    assert refused(copy, Key="b", CopySource={**source, "VersionId": marker}) == "InvalidRequest"


def test_a_multipart_upload_is_told_of_once(uploads: Uploads) -> None:
    place = {"Bucket": uploads.bucket, "Key": "large.csv"}
    upload = uploads.s3.create_multipart_upload(**place)["UploadId"]
    part = uploads.s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    uploads.s3.complete_multipart_upload(
        **place, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]}
    )
    uploads.put("next.csv")
    reasons = [(each["detail"]["object"]["key"], each["detail"]["reason"]) for each in uploads.events(2)]
    assert sorted(reasons) == [("large.csv", "CompleteMultipartUpload"), ("next.csv", "PutObject")]


def test_a_page_holds_a_thousand_versions_of_the_prefix(uploads: Uploads) -> None:
    keys = [f"raw/m/t/{number:04}.csv" for number in range(1001)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(uploads.put, [*keys, "raw/m/other.csv", "raw/n/t/1.csv"]))
    first = uploads.s3.list_object_versions(Bucket=uploads.bucket, Prefix="raw/m/t/")
    assert (len(first["Versions"]), first["IsTruncated"], first["NextKeyMarker"]) == (1000, True, keys[999])
    assert [name for name, _, _ in uploads.versions("raw/m/t/")] == keys
    grouped = uploads.s3.list_object_versions(Bucket=uploads.bucket, Prefix="raw/", Delimiter="/")
    assert [each["Prefix"] for each in grouped["CommonPrefixes"]] == ["raw/m/", "raw/n/"]


NAMES = st.lists(st.sampled_from(["a", "a/b", "a/c", "a+", "a%2B", "a b", "ä", "b/é/1", "b/é/2"]), max_size=12)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=NAMES, page=st.integers(1, 5), prefix=st.sampled_from(["", "a", "b/"]), delimiter=st.sampled_from(["", "/"])
)
def test_pages_of_any_size_hold_every_version_once(
    embedded: Any, names: list[str], page: int, prefix: str, delimiter: str
) -> None:
    uploads = Uploads(embedded)
    put = [(name, uploads.put(name)) for name in names]
    options = {"Delimiter": delimiter} if delimiter else {}
    paginator = uploads.s3.get_paginator("list_object_versions")
    pages = list(
        paginator.paginate(Bucket=uploads.bucket, Prefix=prefix, PaginationConfig={"PageSize": page}, **options)
    )
    assert all(len(each.get("Versions", [])) + len(each.get("CommonPrefixes", [])) <= page for each in pages)
    found = [(each["Key"], each["VersionId"]) for one in pages for each in one.get("Versions", [])]
    grouped = [each["Prefix"] for one in pages for each in one.get("CommonPrefixes", [])]
    chosen = [(name, version) for name, version in put if name.startswith(prefix)]
    alone = [each for each in chosen if not delimiter or delimiter not in each[0][len(prefix) :]]
    assert sorted(found) == sorted(alone)
    ends = {name: name.find("/", len(prefix)) for name, _ in chosen}
    assert grouped == (sorted({name[: end + 1] for name, end in ends.items() if end >= 0}) if delimiter else [])
    newest_first = alone[::-1]
    newest_first.sort(key=lambda each: each[0])
    assert found == newest_first
