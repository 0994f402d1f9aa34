"""Which row goes to train, validation and test; called by preprocess.py.

A row's place follows from a hash of the seed and its key, class by class. So every class is split by the stated
fractions, and the result does not depend on the order of rows or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Parts:
    """Row numbers, shuffled by the seed."""

    train: list[int]
    validation: list[int]
    test: list[int]


def split_rows(keys: Sequence[str], labels: Sequence[int], *, validation: float, test: float, seed: int) -> Parts:
    order = _shuffled(keys, seed)
    places: dict[int, str] = {}
    for label in sorted(set(labels)):
        members = [row for row in order if labels[row] == label]
        in_test, in_validation = round(len(members) * test), round(len(members) * validation)
        if min(in_test, in_validation, len(members) - in_test - in_validation) < 1:
            raise ValueError(
                f"class {label} has {len(members)} rows, too few to split into train, validation "
                f"({validation:g}) and test ({test:g}); add rows of that class"
            )
        for place, row in enumerate(members):
            in_part = "test" if place < in_test else "validation" if place < in_test + in_validation else "train"
            places[row] = in_part
    return Parts(*([row for row in order if places[row] == part] for part in PARTS))


def _shuffled(keys: Sequence[str], seed: int) -> list[int]:
    salt = str(seed).encode()
    digests = [blake2b(key.encode(), digest_size=8, key=salt).digest() for key in keys]
    return sorted(range(len(keys)), key=lambda row: (digests[row], keys[row]))
