"""Whether rows of one part stand in another one too: a small sample of row hashes that travels with the profile.

The sample holds the rows with the smallest hashes, so that any other part can be compared on the same sample of all
possible rows. The hashes are those of hashing.py, over the values of the features and the label.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from features import Columns, Distinct, Values
from hashing import Hashes, mix, number_hashes, text_hashes

MOST_HASHES = 1000
SALT = 7
OFTEN_ALIKE = 0.9
"""Where fewer of the rows differ from each other, equal rows in two parts are no surprise."""


def sketch(rows: Columns, names: Sequence[str]) -> tuple[int, ...]:
    """The smallest hashes of the rows, each once."""
    return tuple(np.unique(_row_hashes(rows, names))[:MOST_HASHES].tolist())


def shared_rows(known: Sequence[int], rows: Columns, names: Sequence[str]) -> tuple[int, int]:
    """How many of the rows are in the part of the sketch, and how many could be compared; 0 where it means nothing."""
    if not known:
        return 0, 0
    hashes = _row_hashes(rows, names)
    if len(np.unique(hashes)) < OFTEN_ALIKE * len(hashes):
        return 0, 0
    held = np.array(known, dtype=np.uint64)
    compared = hashes[hashes <= held.max()] if len(held) >= MOST_HASHES else hashes
    return int(np.isin(compared, held).sum()), len(compared)


def _row_hashes(rows: Columns, names: Sequence[str]) -> Hashes:
    total: Hashes = np.zeros(len(rows[names[0]]), dtype=np.uint64)
    for name in sorted(names):
        total = mix(total ^ _hashes(rows[name]))
    return total


def _hashes(values: Values) -> Hashes:
    if isinstance(values, np.ndarray):
        return number_hashes(values, salt=SALT)
    texts = Distinct.of(values)
    return text_hashes(pa.array(texts.values, pa.string()), salt=SALT)[texts.codes]
