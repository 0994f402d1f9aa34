"""Values of a block: the quick and the careful way agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from contract_records import Block
from contract_rows import Checked, Rules, check
from features import number_of
from hypothesis import given
from hypothesis import strategies as st

NAMES = ["id", "amount", "kind"]


def rules(**changes: Any) -> Rules:
    known: dict[str, Any] = {
        "key": "id", "numeric": frozenset({"amount"}), "coded": frozenset({"kind"}), "missing": ("", "NA"),
        "delimiter": ",",
    }  # fmt: skip
    return Rules(**{**known, **changes})


def checked(lines: Sequence[str], **changes: Any) -> Checked:
    return check(Block("".join(f"{line}\n" for line in lines).encode(), b","), NAMES, rules(**changes))


def amounts(result: Checked) -> list[float | None]:
    values: list[float | None] = result.rows["amount"].to_pylist()
    return values


numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True).map(repr),
    st.integers(-(10**25), 10**25).map(str),
    st.text("0123456789.eE+-_ xnaif\t", max_size=8),
    st.sampled_from(["", "NA", "nan", "NaN", "inf", "Infinity", "1e39", "3.4028235e38", "0x1f", "1d5", "1f", "\uff11"]),
)


@given(numbers)
def test_a_number_means_the_same_whether_the_block_is_odd_or_not(text: str) -> None:
    alone = checked([f"1,{text},a"])
    beside = checked([f"1,{text},a", "2,no number,a", "3,4,\x01"])
    expected = None if text in ("", "NA") else number_of(text)
    good = text in ("", "NA") or expected is not None
    assert amounts(alone) == ([expected] if good else [])
    assert amounts(beside) == amounts(alone)
    assert [fault.code for fault in alone.faults] == ([] if good else ["not-numeric"])
    assert [fault.row for fault in beside.faults] == ([2, 3] if good else [1, 2, 3])


def test_without_missing_markers_every_value_must_be_one() -> None:
    result = checked(["1,2,a", "2,,a", "3,NA,"], missing=())
    assert amounts(result) == [2.0]
    assert [(fault.row, fault.code) for fault in result.faults] == [(2, "not-numeric"), (3, "not-numeric")]


def test_a_row_has_the_first_fault_that_is_found() -> None:
    faults = checked([" ,x,a", "NA,5,a", "x,9,\x00,more"], ranges={"amount": (0.0, 1.0)}).faults
    assert [fault.code for fault in faults] == ["not-numeric", "keys-missing", "control-characters"]


@pytest.mark.parametrize("count", [1, 300])
def test_a_block_without_a_good_row_has_the_types_of_the_others(count: int) -> None:
    result = checked(["1,x"] * count)
    assert result.rows.num_rows == 0
    assert result.rows.schema == checked(["1,2,a"]).rows.schema
    assert result.total == len(result.faults) == count


def test_places_lead_back_to_the_rows() -> None:
    result = checked(["1,2,a", "2,x,b", "", "3,4,c"])
    assert result.places.tolist() == [0, 2]
    assert [result.block.text(int(place)) for place in result.places] == [b"1,2,a", b"3,4,c"]
    assert np.array_equal([fault.row for fault in result.faults], [2])
