"""Bytes of a CSV file in UTF-8 to blocks of whole rows; called by contract_table.py and batch_csv.py.

A line break in quotes belongs to the row. Where all quotes stand properly, numpy finds the ends of the rows.
Otherwise a slow scan takes the rows one by one: a row whose quotes are wrong ends at its first line break, so that
an open quote does not swallow what follows.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
from contract import Fault
from numpy.typing import NDArray

LONGEST_ROW = 1 << 20
csv.field_size_limit(2 * LONGEST_ROW)
_LINE_END = re.compile(rb"[\r\n]")
_QUOTE, _LF, _CR = 34, 10, 13


@dataclass(frozen=True)
class Block:
    """Whole rows whose quotes are right, and the faults of the others. `numbers` counts from 1 in this block.

    originals: the bytes of rows, by place, that were quoted anew.
    """

    data: bytes
    delimiter: bytes
    faults: Sequence[Fault] = ()
    numbers: NDArray[np.int64] | None = None
    originals: Mapping[int, bytes] = field(default_factory=dict)

    @cached_property
    def bytes_(self) -> NDArray[np.uint8]:
        return np.frombuffer(self.data, dtype=np.uint8)

    @cached_property
    def quotes(self) -> NDArray[np.int64]:
        return _quotes(self.data, self.bytes_)

    @cached_property
    def bounds(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Begin and end of each row; empty lines are none."""
        return _bounds(self.bytes_, self.quotes)

    def text(self, place: int) -> bytes:
        starts, ends = self.bounds
        return self.originals.get(place) or self.data[starts[place] : ends[place]]

    def number(self, place: int) -> int:
        return place + 1 if self.numbers is None else int(self.numbers[place])

    def fields(self) -> NDArray[np.int64]:
        """How many fields each row has."""
        places = np.flatnonzero(self.bytes_ == self.delimiter[0])
        places = places[_outside(self.quotes, places)]
        starts, ends = self.bounds
        counts: NDArray[np.int64] = np.searchsorted(places, ends) - np.searchsorted(places, starts) + 1
        return counts

    def only(self, places: NDArray[np.int64]) -> bytes:
        """The bytes of these rows."""
        starts, ends = self.bounds
        return b"".join(self.data[starts[place] : ends[place]] + b"\n" for place in places)


def blocks(chunks: Iterable[bytes], *, delimiter: bytes) -> Iterator[Block]:
    """The rows of a file whose bytes come in chunks of any size."""
    rest, skipping = b"", False
    for chunk in chunks:
        if skipping:
            found = _LINE_END.search(chunk)
            chunk, skipping = (chunk[found.end() :], False) if found else (b"", True)
        block, rest, skipping = _cut(rest + chunk, delimiter, final=False, skipping=skipping)
        if block.data or block.faults:
            yield block
    block, _, _ = _cut(rest, delimiter, final=True, skipping=False)
    if block.data or block.faults:
        yield block


def first_record(data: bytes, *, delimiter: bytes) -> tuple[bytes, int] | None:
    """The first line's bytes and where the next begins, or None if its quotes are wrong or it is too long."""
    found = _record(delimiter).match(data, 0, LONGEST_ROW + 1)
    return (found[1], found.end()) if found and len(found[1]) <= LONGEST_ROW else None


def fields_of(text: str, *, delimiter: str) -> list[str]:
    """The values of one row."""
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])


def _cut(data: bytes, delimiter: bytes, *, final: bool, skipping: bool) -> tuple[Block, bytes, bool]:
    """The whole rows at the beginning of `data`, what is left, and whether the row under way is to be skipped."""
    values = np.frombuffer(data, dtype=np.uint8)
    quotes = _quotes(data, values)
    if not _well_placed(values, quotes, delimiter) or (final and len(quotes) % 2):
        return _scan(data, delimiter, final=final, skipping=skipping)
    end = len(data) if final else _last_end(data, quotes)
    if len(data) - end > LONGEST_ROW or _any_too_long(data[:end], values[:end], quotes[quotes < end]):
        return _scan(data, delimiter, final=final, skipping=skipping)
    return Block(data[:end], delimiter), data[end:], skipping


def _quotes(data: bytes, values: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.flatnonzero(values == _QUOTE) if b'"' in data else np.empty(0, dtype=np.int64)


def _outside(quotes: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the places lie outside of quotes."""
    if not len(quotes):
        return np.ones(len(places), dtype=bool)
    outside: NDArray[np.bool_] = np.searchsorted(quotes, places) % 2 == 0
    return outside


def _bounds(values: NDArray[np.uint8], quotes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    ends = np.flatnonzero((values == _LF) | (values == _CR))
    ends = ends[_outside(quotes, ends)]
    starts = np.concatenate([[0], ends + 1])
    ends = np.append(ends, len(values))
    rows = ends > starts
    return starts[rows], ends[rows]


def _well_placed(values: NDArray[np.uint8], quotes: NDArray[np.int64], delimiter: bytes) -> bool:
    """Whether quotes open and close whole fields only; at the end of the bytes nobody knows yet."""
    if not len(quotes):
        return True
    neighbour: NDArray[np.bool_] = np.zeros(256, dtype=bool)
    neighbour[[_QUOTE, _LF, _CR, delimiter[0]]] = True
    openings, closings = quotes[0::2], quotes[1::2]
    before, after = openings[openings > 0] - 1, closings[closings < len(values) - 1] + 1
    return bool(neighbour[values[before]].all() and neighbour[values[after]].all())


def _last_end(data: bytes, quotes: NDArray[np.int64]) -> int:
    """Behind the last line break outside of quotes."""
    stop = len(data)
    while True:
        place = max(data.rfind(b"\n", 0, stop), data.rfind(b"\r", 0, stop))
        before = int(np.searchsorted(quotes, place))
        if place < 0 or before % 2 == 0:
            return place + 1
        stop = int(quotes[before - 1])


def _any_too_long(data: bytes, values: NDArray[np.uint8], quotes: NDArray[np.int64]) -> bool:
    if len(quotes):
        starts, ends = _bounds(values, quotes)
        return bool(len(starts) and (ends - starts).max() > LONGEST_ROW)
    half = LONGEST_ROW // 2  # a longer row covers a whole half somewhere
    gaps = (
        data.find(b"\n", at, at + half) < 0 and data.find(b"\r", at, at + half) < 0
        for at in range(0, len(data) - half, half)
    )
    if not any(gaps):
        return False
    starts, ends = _bounds(values, quotes)
    return bool((ends - starts).max() > LONGEST_ROW)


@cache
def _record(delimiter: bytes, *, strict: bool = False) -> re.Pattern[bytes]:
    """One row up to its line break; strict: no quote within a field that does not begin with one."""
    d = re.escape(delimiter)
    plain = rb'[^"%b\r\n]++' % d if strict else rb'[^"%b\r\n][^%b\r\n]*+' % (d, d)
    field = rb'(?:"[^"]*+(?:""[^"]*+)*+"(?=[%b\r\n]|\Z)|%b|)' % (d, plain)
    return re.compile(rb"(%b(?:%b%b)*+)(?:\r\n|\r|\n|\Z)" % (field, d, field))


def _scan(data: bytes, delimiter: bytes, *, final: bool, skipping: bool) -> tuple[Block, bytes, bool]:
    """Row by row. Before the file's end, the last LONGEST_ROW bytes are left for the next time."""
    pattern = _record(delimiter)
    rows: list[bytes] = []
    originals: dict[int, bytes] = {}
    numbers: list[int] = []
    faults: list[Fault] = []
    at, number, stop = 0, 0, len(data) if final else len(data) - LONGEST_ROW - 1
    while at < stop:
        limit = min(at + LONGEST_ROW + 1, len(data))
        found = pattern.match(data, at, limit)
        if found and len(found[1]) <= LONGEST_ROW:
            at = found.end()
            if found[1]:
                number += 1
                if (quoted := _well_quoted(found[1], delimiter)) != found[1]:
                    originals[len(rows)] = found[1]
                rows.append(quoted)
                numbers.append(number)
            continue
        number += 1
        line_end = _LINE_END.search(data, at)
        end = line_end.start() if line_end else len(data)
        faults.append(_fault(number, data[at : min(end, limit)], too_long=end - at > LONGEST_ROW))
        at, skipping = (line_end.end(), False) if line_end else (len(data), True)
    block = Block(b"".join(row + b"\n" for row in rows), delimiter, faults, np.array(numbers, np.int64), originals)
    return block, data[at:], skipping and not final


def _fault(number: int, text: bytes, *, too_long: bool) -> Fault:
    if not too_long:
        reason = (
            "a quote is open or closes before the end of its value; a value with quotes stands in quotes itself, "
            "and each quote in it is doubled"
        )
        return Fault(number, "quotes", reason, text)
    return Fault(number, "row-too-long", f"the row has more than {LONGEST_ROW} bytes; shorten its values", text)


def _well_quoted(row: bytes, delimiter: bytes) -> bytes:
    """A field with a quote in its middle (5\" pipe) is taken as it stands; Arrow and Python's csv agree on it."""
    if b'"' not in row or _record(delimiter, strict=True).fullmatch(row):
        return row
    character = delimiter.decode()
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=character, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(fields_of(row.decode("utf-8", "surrogateescape"), delimiter=character))
    return written.getvalue().removesuffix("\r\n").encode("utf-8", "surrogateescape")
