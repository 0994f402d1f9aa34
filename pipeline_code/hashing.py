"""64-bit hashes of texts and rows, a whole column at once: by them rows are divided, joined and compared.

The hash of a text depends on its UTF-8 bytes and the salt alone: eight bytes at a time go through the finaliser of
splitmix64. It is no defence against someone who looks for collisions.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Hashes: TypeAlias = NDArray[np.uint64]
WORD = 8
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_MASKS = np.array([(1 << (8 * count)) - 1 for count in range(WORD + 1)], dtype=np.uint64)
"""How much of a word belongs to a text that has so many bytes left."""


def mix(words: Hashes) -> Hashes:
    """Scatters each number over all 64 bits; different numbers stay different."""
    mixed = words ^ (words >> np.uint64(30))
    mixed *= _FIRST
    mixed ^= mixed >> np.uint64(27)
    mixed *= _SECOND
    mixed ^= mixed >> np.uint64(31)
    return mixed


def text_hashes(column: Any, *, salt: int) -> Hashes:
    """One hash per text of an Arrow array of strings, plain or coded by a dictionary, without nulls."""
    if pa.types.is_dictionary(column.type):
        return text_hashes(column.dictionary, salt=salt)[column.indices.to_numpy()]
    _, offset_buffer, data = column.buffers()
    width = np.int64 if pa.types.is_large_string(column.type) else np.int32
    if not len(column):
        return np.empty(0, dtype=np.uint64)
    offsets = np.frombuffer(offset_buffer, dtype=width)[column.offset : column.offset + len(column) + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    padded: NDArray[np.uint8] = np.zeros(last - first + WORD, dtype=np.uint8)
    if last > first:
        padded[:-WORD] = np.frombuffer(data, dtype=np.uint8)[first:last]
    return _of_bytes(padded, offsets[:-1].astype(np.int64) - first, np.diff(offsets).astype(np.int64), salt)


def number_hashes(numbers: NDArray[np.float64], *, salt: int) -> Hashes:
    """One hash per number; 0 and -0 have the same, and so has every NaN."""
    plain = np.where(np.isnan(numbers), np.nan, numbers + 0.0)
    return mix(plain.view(np.uint64) ^ mix(_salted(salt, 1)))


def row_hashes(rows: pa.Table, *, salt: int) -> Hashes:
    """One hash per row over all its values, whatever the order of the columns."""
    total = np.full(rows.num_rows, 0, dtype=np.uint64)
    for name in sorted(rows.column_names):
        column = rows[name].combine_chunks() if rows[name].num_chunks != 1 else rows[name].chunk(0)
        if pa.types.is_floating(column.type):
            hashes = number_hashes(column.to_numpy(zero_copy_only=False), salt=salt)
        else:
            hashes = text_hashes(column, salt=salt)
        total = mix(total ^ hashes)
    return total


def _of_bytes(padded: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64], salt: int) -> Hashes:
    words: Hashes = np.ndarray((len(padded) - WORD + 1,), dtype="<u8", buffer=padded, strides=(1,))
    hashes = mix(lengths.astype(np.uint64) ^ mix(_salted(salt, 1)))
    active, at, left = np.flatnonzero(lengths > 0), starts, lengths
    at, left = at[active], left[active]
    while active.size:
        word = words[at] & _MASKS[np.minimum(left, WORD)]
        hashes[active] = mix(hashes[active] ^ word)
        more = left > WORD
        active, at, left = active[more], at[more] + WORD, left[more] - WORD
    return hashes


def _salted(salt: int, count: int) -> Hashes:
    return np.full(count, salt % 2**64, dtype=np.uint64)
