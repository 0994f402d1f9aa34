"""Bytes to whole rows."""

from __future__ import annotations

import csv
import io
import itertools

import contract_records
import numpy as np
import pytest
from contract_records import blocks, fields_of, first_record
from hypothesis import given, settings
from hypothesis import strategies as st

PIECES = ["a", "b,", '"', '""', '"x"', ",", "\n", "\r\n", "\r", "\n\n", '"y,\nz"', "longer than ten bytes", "가"]
contents = st.lists(st.sampled_from(PIECES), max_size=40).map(lambda pieces: "".join(pieces).encode())


def rows_and_faults(content: bytes, cuts: list[int]) -> list[tuple[int, str, bytes]]:
    """All rows of the content, read in pieces that end at `cuts`: number, code (empty for good ones), values."""
    bounds = [0, *sorted(cut for cut in cuts if cut < len(content)), len(content)]
    found, before = [], 0
    for block in blocks((content[a:b] for a, b in itertools.pairwise(bounds)), delimiter=b","):
        places = range(len(block.bounds[0]))
        found += [(before + block.number(p), "", repr(values(block.text(p))).encode()) for p in places]
        found += [(before + fault.row, fault.code, fault.text) for fault in block.faults]
        before += len(places) + len(block.faults)
    return sorted(found)


def values(row: bytes) -> list[str]:
    return fields_of(row.decode(), delimiter=",")


@given(contents, st.lists(st.integers(0, 200), max_size=8))
@settings(max_examples=500)
def test_the_rows_do_not_depend_on_where_the_bytes_are_cut(content: bytes, cuts: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contract_records, "LONGEST_ROW", 25)
        whole = rows_and_faults(content, [])
        assert rows_and_faults(content, cuts) == whole
    assert [number for number, _, _ in whole] == list(range(1, len(whole) + 1))


@given(st.lists(st.lists(st.text('ab",\n\r;가', max_size=5), min_size=1, max_size=4), max_size=10))
def test_what_a_csv_writer_wrote_is_read_back(rows: list[list[str]]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerows(rows)
    expected = [repr(row).encode() for row in rows if row]
    assert [row for _, _, row in rows_and_faults(written.getvalue().encode(), [7, 20])] == expected


def test_fields_are_counted_outside_of_quotes() -> None:
    (block,) = blocks([b'a,"b,c",d\n"x\n,"\n,,\n'], delimiter=b",")
    assert block.fields().tolist() == [3, 1, 3]
    assert block.only(np.array([0, 2])) == b'a,"b,c",d\n,,\n'


def test_an_open_quote_costs_its_line_alone() -> None:
    found = rows_and_faults(b'1,"a\n2,b\n3,"c"\n4,d"\n', [])
    assert [(number, code) for number, code, _ in found] == [(1, "quotes"), (2, ""), (3, ""), (4, "")]
    assert found[0][2] == b'1,"a'


def test_a_row_may_have_so_many_bytes_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract_records, "LONGEST_ROW", 10)
    for end in (b"\n", b"\r\n", b""):
        found = rows_and_faults(b"a\n" + b"x" * 10 + b"\n" + b"y" * 11 + b"\nb\n" + b"z" * 30 + end, [5, 17, 30, 41])
        codes = [code for _, code, _ in found]
        assert codes == ["", "", "row-too-long", "", "row-too-long"]


def test_the_first_record_may_span_lines() -> None:
    assert first_record(b'a,"b\nc"\n1,2\n', delimiter=b",") == (b'a,"b\nc"', 8)
    assert first_record(b'a,"b\n1,2\n', delimiter=b",") is None
    assert first_record(b"a,b", delimiter=b",") == (b"a,b", 3)
