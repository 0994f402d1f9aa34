"""The tables that are joined to the base table, held in memory as numbers; called by preprocess.py and base_table.py.

A number takes eight bytes, a category four, a key sixteen: two hashes of 64 bits. The text of unused columns is kept
for rows of the test part only, which is the only one that has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from contract_table import TableReader
from duplicates import Fates, read_and_settle, unrepeated
from features import DataError
from hashing import Hashes, text_hashes
from numpy.typing import NDArray
from spec import ModelSpec
from split import TEST, parts_of

SECOND_SALT = 2
Places: TypeAlias = NDArray[np.int64]


class Partner:
    """One table, row by row as it is read, then looked up by key."""

    def __init__(self, table: str, spec: ModelSpec) -> None:
        self.table, self.spec = table, spec
        self.begin()

    def begin(self) -> None:
        self.names: list[str] = []
        self.rows = 0
        self._batches: dict[str, list[Any]] = {}
        self._hashes: list[tuple[Hashes, Hashes]] = []

    def add(self, rows: pa.Table, hashes: Hashes) -> None:
        """Some rows, and the hashes of their keys."""
        key = self.spec.join_key
        self.names = [name for name in rows.column_names if name != key]
        unused = parts_of(hashes, self.spec.split) != TEST
        for name in self.names:
            column = rows[name].combine_chunks()
            if pa.types.is_floating(column.type):
                kept: Any = column.to_numpy(zero_copy_only=False)
            elif name in self.spec.features:
                kept = column
            else:
                kept = pc.if_else(pa.array(unused), pa.scalar(None, pa.string()), column)
            self._batches.setdefault(name, []).append(kept)
        self._hashes.append((hashes, text_hashes(rows[key].combine_chunks(), salt=SECOND_SALT)))
        self.rows += rows.num_rows

    def finish(self) -> None:
        """Makes the rows ready to be looked up."""
        self._columns = {}
        for name in self.names:
            self._columns[name] = _joined(self._batches.pop(name))
        first = np.concatenate([np.empty(0, dtype=np.uint64), *(pair[0] for pair in self._hashes)])
        second = np.concatenate([np.empty(0, dtype=np.uint64), *(pair[1] for pair in self._hashes)])
        self._hashes.clear()
        self._index = KeyIndex(first, second)
        self._met: NDArray[np.bool_] = np.zeros(self.rows, dtype=bool)

    @property
    def unmet(self) -> int:
        """Rows that no row of the base table asked for."""
        return self.rows - int(np.count_nonzero(self._met))

    def find(self, first: Hashes, second: Hashes) -> Places:
        """The place of each key's row here, or -1."""
        places = self._index.find(first, second)
        self._met[places[places >= 0]] = True
        return places

    def take(self, places: Places, names: Sequence[str]) -> dict[str, Any]:
        """These columns of the rows at the places."""
        return {name: _taken(self._columns[name], places) for name in names}


def load(reader: TableReader) -> Partner:
    """One of the other tables, whole."""
    if not reader.files:
        raise DataError(f"table {reader.table}: there is no file in {reader.folder}; upload one")
    partner = Partner(reader.table, reader.spec)

    def read(fates: Fates) -> list[Hashes]:
        partner.begin()
        hashes, start = [], 0
        for batch in reader.batches():
            hashes.append(batch.hashes)
            alive = unrepeated(reader, batch, fates, start)
            start += batch.rows.num_rows
            partner.add(batch.rows.take(pa.array(alive)), batch.hashes[alive])
        return hashes

    read_and_settle(reader, read)
    reader.finish(rows_out=partner.rows)
    partner.finish()
    return partner


class KeyIndex:
    """From a pair of hashes to a row's place: an open hash table in numpy, at most half full."""

    def __init__(self, first: Hashes, second: Hashes) -> None:
        self._pairs = np.stack([first, second], axis=1)
        self._mask = np.uint64((1 << max(4, (2 * len(first)).bit_length())) - 1)
        self._slots: NDArray[np.int32] = np.full(int(self._mask) + 1, -1, dtype=np.int32)
        pending: Places = np.arange(len(first), dtype=np.int64)
        at = self._begin(first)
        while pending.size:
            free = self._slots[at] < 0
            self._slots[at[free]] = pending[free]
            lost = self._slots[at] != pending
            pending, at = pending[lost], (at[lost] + 1) & int(self._mask)

    def find(self, first: Hashes, second: Hashes) -> Places:
        found: Places = np.full(len(first), -1, dtype=np.int64)
        asking: Places = np.arange(len(first), dtype=np.int64)
        at = self._begin(first)
        while asking.size:
            held = self._slots[at]
            there = held >= 0
            asking, at, held = asking[there], at[there], held[there]
            pairs = self._pairs[held]
            same = (pairs[:, 0] == first[asking]) & (pairs[:, 1] == second[asking])
            found[asking[same]] = held[same]
            asking, at = asking[~same], (at[~same] + 1) & int(self._mask)
        return found

    def _begin(self, first: Hashes) -> Places:
        return (first & self._mask).astype(np.int64)


def _joined(batches: list[Any]) -> Any:
    """One array of a column's batches; numbers that all fit into 32 bits take no more."""
    if isinstance(batches[0], np.ndarray):
        whole = np.concatenate(batches)
        batches.clear()
        small = whole.astype(np.float32)
        return small if np.array_equal(small.astype(np.float64), whole, equal_nan=True) else whole
    if pa.types.is_dictionary(batches[0].type):
        unified = pa.chunked_array(batches).unify_dictionaries()
        batches.clear()
        codes = np.concatenate([chunk.indices.to_numpy() for chunk in unified.chunks])
        return codes, unified.chunk(0).dictionary
    return pa.chunked_array(batches).cast(pa.large_string()).combine_chunks()


def _taken(column: Any, places: Places) -> Any:
    if isinstance(column, tuple):
        codes, dictionary = column
        return pa.DictionaryArray.from_arrays(pa.array(codes[places]), dictionary)
    if isinstance(column, np.ndarray):
        return pa.array(column[places].astype(np.float64), from_pandas=True)
    return column.take(pa.array(places)).cast(pa.string())
