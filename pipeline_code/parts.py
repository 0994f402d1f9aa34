"""The parts of the data set as Parquet files: train, validation and test. Written by Preprocess, read by the others.

Numeric features are float64 with NaN for what is missing; every other column is the raw text. The files' bytes
follow from the rows alone: row groups are of one size, however the rows arrive.

    part-<host>-<number>.parquet    both with five digits; a host is an instance of the job
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from features import Columns, DataError, Distinct

ROWS_PER_GROUP = 65_536
GROUPS_PER_FILE = 16


class PartWriter:
    """Writes the rows of one part on one host. `schema`: float64 for numeric features, text for the rest."""

    def __init__(self, folder: Path, *, schema: pa.Schema, host: int = 0) -> None:
        self.rows = 0
        self._folder, self._schema, self._host = folder, schema, host
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._writer: pq.ParquetWriter | None = None
        self._groups = 0
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, rows: pa.Table) -> None:
        self._waiting.append(rows.select(self._schema.names).cast(self._schema))
        self._waiting_rows += rows.num_rows
        self.rows += rows.num_rows
        if self._waiting_rows >= ROWS_PER_GROUP:
            whole = pa.concat_tables(self._waiting)
            cut = self._waiting_rows - self._waiting_rows % ROWS_PER_GROUP
            for start in range(0, cut, ROWS_PER_GROUP):
                self._write_group(whole.slice(start, ROWS_PER_GROUP))
            self._waiting, self._waiting_rows = [whole.slice(cut)], self._waiting_rows - cut

    def close(self) -> None:
        if self._waiting_rows:
            self._write_group(pa.concat_tables(self._waiting))
        self._waiting, self._waiting_rows = [], 0
        if self._writer:
            self._writer.close()

    def _write_group(self, rows: pa.Table) -> None:
        if self._groups % GROUPS_PER_FILE == 0:
            if self._writer:
                self._writer.close()
            path = self._folder / f"part-{self._host:05}-{self._groups // GROUPS_PER_FILE:05}.parquet"
            texts = [field.name for field in self._schema if pa.types.is_string(field.type)]
            self._writer = pq.ParquetWriter(path, self._schema, use_dictionary=texts, write_statistics=False)
        assert self._writer is not None
        self._writer.write_table(rows.combine_chunks(), row_group_size=ROWS_PER_GROUP)
        self._groups += 1


def part_files(folder: Path) -> list[Path]:
    """The files of a part in their order; raises DataError if there is none."""
    found = sorted(folder.glob("*.parquet"))
    if not found:
        raise DataError(f"{folder} holds no .parquet file; it must come from the Preprocess step")
    return found


def count_rows(folder: Path) -> int:
    return sum(pq.read_metadata(path).num_rows for path in part_files(folder))


def column_names(folder: Path) -> list[str]:
    return list(pq.read_schema(part_files(folder)[0]).names)


def batches(folder: Path, names: Collection[str], *, share: tuple[int, int] = (0, 1)) -> Iterator[Columns]:
    """Row group by row group, so that memory stays bounded; names that the part lacks are left out.

    `share` is (k, n): every n-th row group from the k-th, for instance k of n.
    """
    number = 0
    for path in part_files(folder):
        with _open(path) as file:
            held = [name for name in file.schema_arrow.names if name in names]
            for group in range(file.num_row_groups):
                if number % share[1] == share[0]:
                    yield _columns(file.read_row_group(group, columns=held))
                number += 1


def read(folder: Path, names: Collection[str]) -> Columns:
    """All rows at once; names that the part lacks are left out."""
    tables = []
    for path in part_files(folder):
        with _open(path) as file:
            tables.append(file.read(columns=[name for name in file.schema_arrow.names if name in names]))
    return _columns(pa.concat_tables(tables))


def _open(path: Path) -> pq.ParquetFile:
    schema = pq.read_schema(path)
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    return pq.ParquetFile(path, read_dictionary=texts)


def _columns(table: pa.Table) -> dict[str, Any]:
    return {name: _column(table[name]) for name in table.column_names}


def _column(column: pa.ChunkedArray) -> Sequence[str] | Distinct | np.ndarray[Any, Any]:
    if pa.types.is_floating(column.type):
        return np.asarray(column.to_numpy(), dtype=np.float64)
    coded = column.unify_dictionaries().combine_chunks()
    if isinstance(coded, pa.ChunkedArray):  # no rows, no chunk
        return Distinct((), np.empty(0, dtype=np.int32))
    return Distinct(coded.dictionary.to_pylist(), np.asarray(coded.indices.to_numpy(), dtype=np.int32))
