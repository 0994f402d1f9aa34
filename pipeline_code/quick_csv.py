"""A long CSV whose rows are as they should be, by Arrow's reader from the text to the matrix; called by quick.py.

Arrow makes columns without a Python object for each value. What needs a second look raises ValueError, as Arrow
itself does (ArrowInvalid is one). JSON is not read with Arrow: a body that begins with null, which its reader does not
expect, ends the process (pyarrow 22).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from features import LARGEST, FeatureTransform
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

LONGEST_LINE = 1 << 17
"""In bytes; the csv module takes no longer field."""
UNQUOTED = arrow_csv.ParseOptions(quote_char=False)

Matrix: TypeAlias = "NDArray[np.float32]"
Codes: TypeAlias = "Mapping[str | None, int]"


class Place(NamedTuple):
    """A raw column; of a category its known texts, what each of them becomes and, last, an unknown one."""

    name: str
    texts: pc.SetLookupOptions | None
    blocks: Matrix


class LongCsv:
    """What is known of a model before the first request.

    `codes` tells the row of each known text in its category's table, whose last row is that of an unknown one.
    """

    def __init__(self, transform: FeatureTransform, codes: Sequence[Codes | None], tables: Sequence[Matrix]) -> None:
        self._width = transform.width
        self._places = list(map(_place, transform.names, codes, tables))
        self._conversion = arrow_csv.ConvertOptions(
            include_columns=transform.names,
            column_types={each.name: pa.float64() if each.texts is None else pa.string() for each in self._places},
            null_values=transform.missing,  # of numbers: a text stays one
        )

    def matrix(self, text: str, header: Sequence[str], *, titled: bool) -> Matrix:
        """Of a CSV without quotes and carriage returns, whose first line is the header if it is titled."""
        body = text.encode()
        ends = np.flatnonzero(np.frombuffer(body, dtype=np.uint8) == ord("\n"))
        if np.diff(ends, prepend=-1, append=len(body)).max() > LONGEST_LINE:
            raise ValueError("a line is long")
        table = arrow_csv.read_csv(
            pa.BufferReader(body),
            read_options=arrow_csv.ReadOptions(use_threads=False, column_names=header, skip_rows=int(titled)),
            parse_options=UNQUOTED,
            convert_options=self._conversion,
        )
        if not table.num_rows:
            raise ValueError("there are no rows")
        matrix: Matrix = np.empty((table.num_rows, self._width), dtype=np.float32)
        start = 0
        for column, (_, texts, blocks) in zip(table.columns, self._places, strict=True):
            stop = start + blocks.shape[1]
            if texts is None:
                matrix[:, start] = _numbers(column)
            else:
                matrix[:, start:stop] = blocks[pc.index_in(column, options=texts).fill_null(-1).to_numpy()]
            start = stop
        return matrix


def _numbers(column: Any) -> NDArray[np.float64]:
    """NaN where one is missing."""
    numbers: NDArray[np.float64] = column.to_numpy()
    if np.count_nonzero(np.abs(numbers) <= LARGEST) != len(column) - column.null_count:
        raise ValueError("a number is not finite")
    return numbers


def _place(name: str, codes: Codes | None, table: Matrix) -> Place:
    if codes is None:
        return Place(name, None, table)
    known = [text for text in codes if text is not None]
    texts = pc.SetLookupOptions(value_set=pa.array(known, pa.string()))
    return Place(name, texts, table[[*(codes[text] for text in known), -1]])
