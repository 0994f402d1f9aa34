"""Which uploads are inputs of a batch run, and what everything made for one is called."""

from __future__ import annotations

import pytest
from start_batch.inputs import Input, input_of, is_ignored, model_of, refusal, spellings
from start_batch.settings import Model

MODEL = Model("claims-fraud", "claims-fraud-batch", (".csv", ".jsonl", ".csv.txt"), largest_file_mb=1)


def test_the_id_depends_on_bucket_key_and_version_and_on_nothing_else() -> None:
    def made(**changes: str) -> Input:
        found = input_of(MODEL, **{"bucket": "b", "key": "batch/claims-fraud/a.csv", "version_id": "v", **changes})
        assert found
        return found

    ids = {made(**changes).id for changes in ({}, {"bucket": "c"}, {"version_id": "w"}, {"key": "b.csv"})}
    assert len(ids) == 4
    assert made().id == made().id
    assert made().copy_key == f"batch/claims-fraud/inputs/{made().id}/00000.csv"
    assert made(key="a.JSONL").suffix == ".jsonl"


def test_keys_are_read_raw_first_and_then_decoded() -> None:
    assert spellings("a+b%2Bc") == ("a+b%2Bc", "a b+c")
    assert spellings("plain") == ("plain",)
    assert model_of("batch/m/a/b.csv") == "m"
    assert model_of("raw/m/a.csv") == ""
    assert model_of("batch/a.csv") == ""
    assert is_ignored("batch/m/x.TMP")


@pytest.mark.parametrize(
    ("key", "suffix"), [("a.csv", ".csv"), ("a.CSV", ".csv"), ("a.csv.txt", ".csv.txt"), ("a.b.jsonl", ".jsonl")]
)
def test_the_copy_keeps_the_longest_suffix_in_small_letters(key: str, suffix: str) -> None:
    found = input_of(MODEL, bucket="b", key=key, version_id="v")
    assert found is not None
    assert found.copy_key.endswith(f"/00000{suffix}")


def test_empty_and_large_files_are_refused_with_a_reason() -> None:
    assert refusal(MODEL, 0) == "it is empty"
    assert "divide it" in refusal(MODEL, 1_000_000 + 1)
    assert refusal(MODEL, 1_000_000) == ""
