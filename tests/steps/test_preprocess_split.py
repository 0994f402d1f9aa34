from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hashing import mix, number_hashes, row_hashes, text_hashes
from hypothesis import given
from hypothesis import strategies as st
from spec import Split
from split import PARTS, TEST, parts_of

SPLIT = Split(0.7, 0.15, 0.15, 20)
texts = st.lists(st.text(max_size=40), max_size=30)


def parts(keys: list[str], split: Split = SPLIT) -> list[int]:
    return parts_of(text_hashes(pa.array(keys, pa.string()), salt=1), split).tolist()


def slow_hash(text: str, salt: int) -> int:
    """The same hash, text by text."""
    data = text.encode()
    value = splitmix(len(data) ^ splitmix(salt))
    for at in range(0, len(data), 8):
        value = splitmix(value ^ int.from_bytes(data[at : at + 8], "little"))
    return value


def splitmix(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) % 2**64
    return value ^ (value >> 31)


@given(texts, st.integers(0, 2**63))
def test_the_hash_of_a_text_depends_on_its_bytes_and_the_salt_alone(keys: list[str], salt: int) -> None:
    column = pa.array(keys, pa.string())
    expected = [slow_hash(key, salt) for key in keys]
    assert text_hashes(column, salt=salt).tolist() == expected
    assert text_hashes(column.dictionary_encode(), salt=salt).tolist() == expected
    assert text_hashes(column.cast(pa.large_string()), salt=salt).tolist() == expected
    assert text_hashes(pa.array(["x", *keys, "y"], pa.string())[1:-1], salt=salt).tolist() == expected


@given(texts, st.data())
def test_a_rows_part_is_a_function_of_its_key_whatever_stands_beside_it(keys: list[str], data: st.DataObject) -> None:
    alone = {key: parts([key])[0] for key in keys}
    shuffled = data.draw(st.permutations(keys))
    cut = data.draw(st.integers(0, len(keys)))
    assert parts(shuffled) == [alone[key] for key in shuffled]
    assert parts(shuffled[:cut]) + parts(shuffled[cut:]) == parts(shuffled)


def test_the_parts_stay_those_they_were() -> None:
    """Whoever changes the hash moves rows between the parts of every model: that must be wanted."""
    assert parts(["policy-1", "policy-2", "가", "", "a long key of more than eight bytes", "7"]) == [0, 1, 1, 0, 0, 0]


@pytest.mark.parametrize("seed", [0, 1, 20, 2**31])
def test_the_shares_are_met(seed: int) -> None:
    counts = np.bincount(parts([str(n) for n in range(100_000)], Split(0.7, 0.1, 0.2, seed)))
    assert np.abs(counts / 100_000 - [0.7, 0.1, 0.2]).max() < 0.005


def test_another_seed_gives_another_split() -> None:
    keys = [str(n) for n in range(1000)]
    one, other = (np.array(parts(keys, Split(0.7, 0.15, 0.15, seed))) == TEST for seed in (1, 2))
    assert abs((one & other).sum() - 1000 * 0.15**2) < 25, "as many in common as chance gives"


def test_a_split_without_test_rows_has_none() -> None:
    assert set(parts([str(n) for n in range(1000)], Split(1.0, 0.0, 0.0, 1))) == {PARTS.index("train")}


@given(st.lists(st.tuples(st.text(max_size=9), st.floats(allow_nan=True)), min_size=1, max_size=20))
def test_equal_rows_have_equal_hashes_whatever_the_order_of_columns(rows: list[tuple[str, float]]) -> None:
    table = pa.table({"b": [row[0] for row in rows], "a": pa.array([row[1] for row in rows], pa.float64())})
    hashes = row_hashes(table, salt=1).tolist()
    assert hashes == row_hashes(table.select(["a", "b"]), salt=1).tolist()
    assert hashes == [row_hashes(table.slice(place, 1), salt=1)[0] for place in range(len(rows))]


def test_zeros_have_one_hash_and_missing_numbers_too() -> None:
    numbers = np.array([0.0, -0.0, np.nan, -np.nan, 1.0])
    first, second, third, fourth, fifth = number_hashes(numbers, salt=1).tolist()
    assert first == second != third == fourth != fifth


def test_mixing_loses_nothing() -> None:
    assert len(np.unique(mix(np.arange(100_000, dtype=np.uint64)))) == 100_000
