"""Looking rows up by their key's hashes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from joining import KeyIndex

hashes = st.integers(0, 2**64 - 1) | st.integers(0, 3)
Pairs = list[tuple[int, int]]
pairs = st.lists(st.tuples(hashes, hashes), unique=True, max_size=60)


def columns(rows: Pairs) -> list[np.ndarray]:
    return [np.array([row[side] for row in rows], dtype=np.uint64) for side in (0, 1)]


@given(pairs, pairs)
def test_each_pair_is_found_at_its_place_and_no_other_is(
    held: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    index = KeyIndex(*columns(held))
    asked = [*others, *reversed(held)]
    expected = [held.index(pair) if pair in held else -1 for pair in asked]
    assert index.find(*columns(asked)).tolist() == expected


def test_an_empty_table_has_nobody() -> None:
    assert KeyIndex(*columns([])).find(*columns([(0, 0), (1, 2)])).tolist() == [-1, -1]
