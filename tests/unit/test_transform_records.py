"""How transform jobs cut files into records, pack them into requests, and read JSONPath filters."""

from __future__ import annotations

import io
import itertools
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.local.sagemaker.transform.errors import FileFailed
from millrace.local.sagemaker.transform.json_path import parse
from millrace.local.sagemaker.transform.records import SPLITS, batches

records = st.lists(st.binary(min_size=1, max_size=20), max_size=12)


@given(st.binary(max_size=200))
def test_lines_put_together_are_the_file(content: bytes) -> None:
    found = list(SPLITS["Line"](io.BytesIO(content)))
    assert b"".join(found) == content
    assert all(b"\n" not in line[:-1] for line in found)


@given(records)
def test_record_io_and_tf_records_are_cut_where_they_were_joined(parts: list[bytes]) -> None:
    mx = [struct.pack("<II", 0xCED7230A, len(part)) + part + b"\0" * (-len(part) % 4) for part in parts]
    tf = [struct.pack("<Q", len(part)) + b"crc1" + part + b"crc2" for part in parts]
    assert list(SPLITS["RecordIO"](io.BytesIO(b"".join(mx)))) == mx
    assert list(SPLITS["TFRecord"](io.BytesIO(b"".join(tf)))) == tf


def test_a_record_in_several_parts_stays_in_one_piece() -> None:
    parts = [(1, b"abcd"), (2, b"efgh"), (3, b"ij")]
    whole = b"".join(
        struct.pack("<II", 0xCED7230A, flag << 29 | len(part)) + part + b"\0" * (-len(part) % 4) for flag, part in parts
    )
    assert list(SPLITS["RecordIO"](io.BytesIO(whole))) == [whole]


@pytest.mark.parametrize("kind", ["RecordIO", "TFRecord"])
@given(st.binary(min_size=1, max_size=40))
def test_damaged_files_are_said_to_be_damaged(kind: str, content: bytes) -> None:
    try:
        found = list(SPLITS[kind](io.BytesIO(content)))
    except FileFailed:
        return
    assert b"".join(found) == content


@given(records, st.integers(20, 60), st.booleans())
def test_requests_hold_all_records_in_order_and_none_is_too_large(parts: list[bytes], most: int, single: bool) -> None:
    packed = list(batches(parts, most_bytes=most, single=single))
    assert [part for batch in packed for part in batch] == parts
    assert all(0 < len(b"".join(batch)) <= most for batch in packed)
    if single:
        assert all(len(batch) == 1 for batch in packed)
    for batch, following in itertools.pairwise(packed):
        assert single or len(b"".join(batch)) + len(following[0]) > most


def test_a_record_beyond_the_payload_fails_its_file() -> None:
    with pytest.raises(FileFailed, match="Too much data"):
        list(batches([b"x" * 10], most_bytes=9, single=False))
    assert list(batches([b"x" * 10], most_bytes=None, single=False)) == [[b"x" * 10]]


ROW = [10, 11, 12, 13, 14]
DOCUMENT = {"id": 7, "features": {"a": 1, "b": 2}, "rows": [{"n": 1}, {"n": 2}], "SageMakerOutput": 0.5}


@pytest.mark.parametrize(
    ("path", "document", "selected"),
    [
        ("$", ROW, ROW),
        ("$[0]", ROW, 10),
        ("$[-1]", ROW, 14),
        ("$[1,3]", ROW, [11, 13]),
        ("$[1:]", ROW, [11, 12, 13, 14]),
        ("$[1:3]", ROW, [11, 12, 13]),
        ("$[:2]", ROW, [10, 11, 12]),
        ("$.id", DOCUMENT, 7),
        ("$.features.a", DOCUMENT, 1),
        ("$['id','SageMakerOutput']", DOCUMENT, {"id": 7, "SageMakerOutput": 0.5}),
        ("$.features['a','b']", DOCUMENT, {"a": 1, "b": 2}),
        ("$.features.['a','b']", DOCUMENT, {"a": 1, "b": 2}),
        ("$.features.*", DOCUMENT, [1, 2]),
        ("$.rows[*].n", DOCUMENT, [1, 2]),
        ("$.rows[0:].n", DOCUMENT, [1, 2]),
    ],
)
def test_paths_select_as_in_awss_table(path: str, document: Any, selected: Any) -> None:
    assert parse(path).of(document) == selected


@pytest.mark.parametrize("path", ["$[9]", "$.nope", "$['id','nope']", "$.id.x", "$.features[0]"])
def test_a_path_that_leads_nowhere_costs_the_file(path: str) -> None:
    with pytest.raises(FileFailed, match="selects nothing"):
        parse(path).of(ROW if path == "$[9]" else DOCUMENT)


@pytest.mark.parametrize("path", ["", "id", "$..id", "$[?(@.a)]", "$.a.length()x[", "$[a]", "$['a]", "$ "])
def test_what_aws_does_not_support_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"does not begin|not understood"):
        parse(path)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.integers(), min_size=1))
def test_any_attribute_is_found_by_dot_and_by_bracket(document: dict[str, int]) -> None:
    for name, value in document.items():
        assert parse(f"$.{name}").of(document) == parse(f"$['{name}']").of(document) == value
    assert json.loads(json.dumps(parse("$").of(document))) == document
