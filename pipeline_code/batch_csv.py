"""An uploaded CSV file as rows of texts; called by prepare_batch.py.

The rows and values are checked by the same code as training data (contract_records.py, contract_rows.py). What is
handed on are the texts of the file themselves.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from batch_row import Row, known_names
from contract import BadFile, Fault, listed
from contract_files import (
    BLOCK_BYTES,
    guessed_encoding,
    head_of,
    refuse_other_formats,
    refuse_other_text,
    utf8_chunks,
    wrong_encoding,
)
from contract_header import column_names
from contract_records import LONGEST_ROW, Block, blocks, fields_of, first_record
from contract_rows import Rules, check
from features import FeatureTransform, number_of
from payload import folded
from spec import ModelSpec


@dataclass
class CsvFile:
    """One file for one model. Its first line names the columns, or they are the model's in the model's order."""

    path: Path
    transform: FeatureTransform
    spec: ModelSpec
    block_bytes: int = BLOCK_BYTES
    unused: list[str] = field(default_factory=list)
    """The columns that the model does not know."""

    def rows(self) -> Iterator[Row | Fault]:
        """Good and bad rows; raises BadFile if no row can be taken."""
        names, chunks = self._open()
        self.unused = [name for name in names if name not in known_names(self.transform, self.spec)]
        rules = self._rules()
        before = 0
        for block in blocks(chunks, delimiter=self.spec.delimiter.encode()):
            checked = check(block, names, rules)
            yield from (replace(fault, row=before + fault.row) for fault in checked.faults)
            yield from self._good(block, checked.places.tolist(), names, before)
            before += checked.total
        if not before:
            raise BadFile("no-rows", "the file has column names but no rows")

    def _good(self, block: Block, places: Sequence[int], names: Sequence[str], before: int) -> Iterator[Row]:
        wanted = [(name, names.index(name)) for name in self.transform.names]
        key = names.index(self.spec.join_key) if self.spec.join_key in names else None
        for place, values in zip(places, _values(block, places, self.spec.delimiter), strict=True):
            yield Row(
                before + block.number(place),
                values[key] if key is not None else "",
                {name: values[column] for name, column in wanted},
                block.text(place),
            )

    def _rules(self) -> Rules:
        """Numbers must be numbers; a row without key or with an odd label can be scored all the same."""
        numeric = frozenset(column.name for column in self.transform.columns if column.kind == "numeric")
        return Rules(
            key="",
            numeric=numeric,
            coded=frozenset(),
            missing=self.transform.missing,
            delimiter=self.spec.delimiter,
        )

    def _open(self) -> tuple[list[str], Iterable[bytes]]:
        """The columns, and the file's bytes behind the header."""
        head = head_of(self.path, encoding=self.spec.encoding)
        chunks = utf8_chunks(self.path, encoding=self.spec.encoding, size=max(self.block_bytes, 2 * LONGEST_ROW + 2))
        first = next(chunks)
        start = len(first) - len(first.lstrip(b"\r\n"))
        line = first_record(first[start:], delimiter=self.spec.delimiter.encode())
        if line is None:
            refuse_other_formats(head, self.spec.encoding)
            raise BadFile("header-missing", f"the first line has open quotes or more than {LONGEST_ROW} bytes")
        text = self._text(line[0], head)
        names, has_header = self._names(text, head)
        return names, itertools.chain([first[start + line[1] :] if has_header else first], chunks)

    def _names(self, text: str, head: bytes) -> tuple[list[str], bool]:
        """The names of the columns, and whether the first line holds them."""
        found, known = fields_of(text, delimiter=self.spec.delimiter), known_names(self.transform, self.spec)
        if set(map(folded, found)) & set(map(folded, known)):
            names, changed = column_names(
                found, text, known=known, needed=self.transform.names, delimiter=self.spec.delimiter
            )
            for old, new in changed.items():
                print(f"{self.path.name}: column {old!r} is taken for {new!r}")
            return names, True
        if text.lstrip().startswith("{"):
            refuse_other_text(text, delimiter=self.spec.delimiter)
        for names in (list(self.spec.columns), list(self.transform.names)):
            if len(found) == len(names) and set(names) >= set(self.transform.names):
                self._refuse_foreign_names(dict(zip(names, found, strict=True)))
                return names, False
        refuse_other_formats(head, self.spec.encoding)
        refuse_other_text(text, delimiter=self.spec.delimiter)
        raise BadFile(
            "header-missing",
            f"the first line names no column of the model and has {len(found)} values; without a header a row has "
            f"{len(self.transform.names)}: {', '.join(self.transform.names)}",
        )

    def _refuse_foreign_names(self, first: Mapping[str, str]) -> None:
        """A first row without one number where numbers belong names columns, and in an order that nobody knows."""
        values = [first[column.name] for column in self.transform.columns if column.kind == "numeric"]
        given = [value for value in values if value not in self.transform.missing]
        if given and not any(number_of(value) is not None for value in given):
            raise BadFile(
                "columns-missing",
                f"the first line names none of the model's columns and holds no number ({listed(given, 3)}); name the "
                f"columns {', '.join(self.transform.names)}",
            )

    def _text(self, line: bytes, head: bytes) -> str:
        refuse_other_formats(head, self.spec.encoding)
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            raise wrong_encoding(guessed_encoding(line)) from None


def _values(block: Block, places: Sequence[int], delimiter: str) -> Iterator[list[str]]:
    """The fields of these rows, as they stand in the file."""
    csv.field_size_limit(2 * LONGEST_ROW)
    whole = len(places) == len(block.bounds[0])
    data = block.data if whole else b"".join(block.text(place) + b"\n" for place in places)
    return (
        values for values in csv.reader(io.StringIO(data.decode("utf-8"), newline=""), delimiter=delimiter) if values
    )
