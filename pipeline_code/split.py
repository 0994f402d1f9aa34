"""Which row goes to train, validation and test; called by building.py and joining.py.

A row's part follows from the seed and a hash of its key alone (without a key: of all its values). So it depends on
no other row, on no order, and on no number of instances. The shares are met on average, not to the row.
"""

from __future__ import annotations

import numpy as np
from hashing import Hashes, mix
from numpy.typing import NDArray
from spec import Split

PARTS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)


def parts_of(hashes: Hashes, split: Split) -> NDArray[np.int8]:
    """For each row the place of its part in PARTS."""
    seed = mix(np.full(1, split.seed % 2**64, dtype=np.uint64))
    drawn = mix(hashes ^ seed)
    parts: NDArray[np.int8] = np.full(len(hashes), TRAIN, dtype=np.int8)
    parts[drawn < _threshold(split.test + split.validation)] = VALIDATION
    parts[drawn < _threshold(split.test)] = TEST
    return parts


def _threshold(share: float) -> np.uint64:
    return np.uint64(min(int(share * 2**64), 2**64 - 1))
