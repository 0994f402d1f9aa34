"""Which files are a data set, and what identifies it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from start_pipeline.dataset import DataSet, RawFile, current_files
from start_pipeline.manifest import Manifest


def version(key: str, *, latest: bool = True, size: int = 3) -> dict[str, Any]:
    return {"Key": key, "VersionId": f"v-{key}", "ETag": '"e"', "Size": size, "IsLatest": latest}


def test_only_current_csv_files_count() -> None:
    files, ignored = current_files(
        [
            version("raw/m/t/b.csv"),
            version("raw/m/t/a.CSV"),
            version("raw/m/t/a.csv", latest=False),
            version("raw/m/t/", size=0),
            version("raw/m/t/sub/"),
            version("raw/m/t/readme.txt"),
        ]
    )
    assert [file.key for file in files] == ["raw/m/t/a.CSV", "raw/m/t/b.csv"]
    assert ignored == ("raw/m/t/readme.txt",)


def test_a_table_without_files_is_missing() -> None:
    file = RawFile("raw/m/a/x.csv", "1", "e", 3)
    assert DataSet("m", {"a": (file,), "b": (), "c": ()}).missing == ("b", "c")


def test_the_manifest_is_canonical_json_and_its_digest_names_the_copies() -> None:
    file = RawFile("raw/m/t/ü.csv", "1", "e", 3)
    manifest = Manifest(DataSet("m", {"t": (file, file)}))
    entry = '{"etag":"e","key":"raw/m/t/ü.csv","size":3,"version_id":"1"}'
    assert manifest.text == f'{{"model":"m","tables":{{"t":[{entry},{entry}]}}}}'
    digest = hashlib.sha256(manifest.text.encode()).hexdigest()
    assert manifest.key == f"inputs/{digest}/manifest.json"
    assert [key for _, key in manifest.copies()] == [
        f"inputs/{digest}/t/00000.csv",
        f"inputs/{digest}/t/00001.csv",
    ]


FILES = st.builds(RawFile, key=st.text(max_size=8), version_id=st.text(max_size=4), etag=st.just("e"), size=st.just(1))
TABLES = st.dictionaries(st.sampled_from("abc"), st.frozensets(FILES, max_size=3).map(tuple), min_size=1)


@given(TABLES, TABLES)
def test_two_data_sets_share_a_digest_exactly_if_they_hold_the_same_versions(one: Any, other: Any) -> None:
    first, second = (
        Manifest(DataSet("m", {table: tuple(sorted(files)) for table, files in tables.items()}))
        for tables in (one, other)
    )
    same = {t: set(f) for t, f in one.items()} == {t: set(f) for t, f in other.items()}
    assert (first.digest == second.digest) == same


@given(TABLES)
def test_listing_order_of_tables_changes_nothing(tables: Any) -> None:
    reverse = dict(reversed(tables.items()))
    assert Manifest(DataSet("m", tables)).digest == Manifest(DataSet("m", reverse)).digest
    assert json.loads(Manifest(DataSet("m", tables)).text)["model"] == "m"


@given(st.integers(1, 9))
def test_request_tokens_have_the_length_the_service_asks_for(attempt: int) -> None:
    token = Manifest(DataSet("m", {})).request_token(attempt)
    assert 32 <= len(token) <= 128
