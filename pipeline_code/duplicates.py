"""Rows that share their key; called by base_table.py and joining.py.

A first reading notes a hash of each key. Only if some of them come twice, a second reading looks at those rows: of
equal rows the first is kept, rows that differ are all bad, because nobody knows which of them is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from contract_table import Batch, TableReader
from hashing import Hashes, row_hashes, text_hashes
from numpy.typing import NDArray

GOOD, DUPLICATE, CONFLICT = range(3)
_SECOND, _CONTENT = 2, 3


@dataclass(frozen=True)
class Fates:
    """What becomes of rows with a repeated key, by their place among the good rows of the table."""

    places: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    codes: NDArray[np.int8] = field(default_factory=lambda: np.empty(0, dtype=np.int8))

    def between(self, start: int, count: int) -> NDArray[np.int8]:
        fates: NDArray[np.int8] = np.full(count, GOOD, dtype=np.int8)
        first, last = int(np.searchsorted(self.places, start)), int(np.searchsorted(self.places, start + count))
        fates[self.places[first:last] - start] = self.codes[first:last]
        return fates


def read_and_settle(reader: TableReader, read: Callable[[Fates], list[Hashes]]) -> None:
    """Calls `read`, which returns the keys' hashes; if keys come twice once more, with what becomes of their rows."""
    doubled = repeated(read(Fates()))
    if doubled.size:
        reader.tell(f"{reader.table}: {doubled.size} keys come more than once, so the table is read again")
        read(decide(reader.batches(), doubled, key=reader.spec.join_key))


def unrepeated(reader: TableReader, batch: Batch, fates: Fates, start: int) -> NDArray[np.int64]:
    """The places of the rows that are not put aside because of their key."""
    found, key = fates.between(start, batch.rows.num_rows), reader.spec.join_key
    for row in np.flatnonzero(found != GOOD).tolist():
        value = repr(batch.rows[key][row].as_py())
        if found[row] == CONFLICT:
            fault = batch.fault(row, "key-conflict", f"another row has the {key} {value} too, but other values")
        else:
            fault = batch.fault(row, "duplicate-row", f"an equal row with the {key} {value} stands before it")
        reader.quarantine.row(batch.file, fault)
    return np.flatnonzero(found == GOOD)


def repeated(hashes: Iterable[Hashes]) -> Hashes:
    """The hashes that come more than once, in order."""
    every = np.concatenate([np.empty(0, dtype=np.uint64), *hashes])
    every.sort()
    return np.unique(every[1:][every[1:] == every[:-1]])


def decide(batches: Iterable[Batch], doubled: Hashes, *, key: str) -> Fates:
    """The fate of each row whose key's hash is one of `doubled`."""
    places: list[NDArray[np.int64]] = []
    keys: list[Hashes] = []
    others: list[Hashes] = []
    contents: list[Hashes] = []
    start = 0
    for batch in batches:
        among = np.minimum(np.searchsorted(doubled, batch.hashes), len(doubled) - 1)
        found = np.flatnonzero(doubled[among] == batch.hashes)
        if found.size:
            rows = batch.rows.take(found)
            places.append(found + start)
            keys.append(batch.hashes[found])
            others.append(text_hashes(rows[key].combine_chunks(), salt=_SECOND))
            contents.append(row_hashes(rows, salt=_CONTENT))
        start += batch.rows.num_rows
    return _fates(np.concatenate(places), np.concatenate(keys), np.concatenate(others), np.concatenate(contents))


def _fates(places: NDArray[np.int64], keys: Hashes, others: Hashes, contents: Hashes) -> Fates:
    """Rows are of one key if both hashes agree."""
    order = np.lexsort((places, others, keys))
    keys, others, contents = keys[order], others[order], contents[order]
    begins = np.concatenate([[True], (keys[1:] != keys[:-1]) | (others[1:] != others[:-1])])
    starts = np.flatnonzero(begins)
    group = np.cumsum(begins) - 1
    same = np.minimum.reduceat(contents, starts) == np.maximum.reduceat(contents, starts)
    fates = np.where(same[group], np.where(begins, GOOD, DUPLICATE), CONFLICT).astype(np.int8)
    by_place = np.argsort(places[order], kind="stable")
    return Fates(places[order][by_place], fates[by_place])
