from __future__ import annotations

import random
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from split import Parts, split_rows


def split(keys: list[str], labels: list[int], seed: int = 20) -> Parts:
    return split_rows(keys, labels, validation=0.15, test=0.15, seed=seed)


def keys_and_labels(negatives: int, positives: int) -> tuple[list[str], list[int]]:
    return [str(number) for number in range(negatives + positives)], [0] * negatives + [1] * positives


@given(st.integers(10, 200), st.integers(10, 50), st.integers(0, 2**31))
def test_every_row_lands_in_one_part_and_each_class_is_split_by_the_fractions(
    negatives: int, positives: int, seed: int
) -> None:
    keys, labels = keys_and_labels(negatives, positives)
    parts = split(keys, labels, seed)
    assert sorted(chain(parts.train, parts.validation, parts.test)) == list(range(len(keys)))
    for label, count in ((0, negatives), (1, positives)):
        for part in (parts.validation, parts.test):
            assert sum(labels[row] == label for row in part) == round(count * 0.15)


def test_the_order_of_the_rows_does_not_change_who_goes_where() -> None:
    keys, labels = keys_and_labels(80, 20)
    shuffled = list(zip(keys, labels, strict=True))
    random.Random(1).shuffle(shuffled)
    again = split([key for key, _ in shuffled], [label for _, label in shuffled])
    assert [shuffled[row][0] for row in again.test] == [keys[row] for row in split(keys, labels).test]


def test_another_seed_gives_another_split() -> None:
    keys, labels = keys_and_labels(80, 20)
    assert split(keys, labels, 1).test != split(keys, labels, 2).test


def test_a_class_with_too_few_rows_is_an_error() -> None:
    with pytest.raises(ValueError, match="class 1 has 2 rows, too few to split"):
        split(*keys_and_labels(100, 2))
