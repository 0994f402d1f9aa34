"""The values of a block of rows: numbers, ranges, labels and keys; called by contract_table.py and batch_csv.py.

Arrow reads the whole block with the columns' types. Only if it cannot, or if a number, a byte or a key is odd, the
rows are looked at one by one. Both ways give the same values for the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from contract import Fault, shown
from contract_bytes import any_control_characters, bad_bytes
from contract_records import Block
from features import LARGEST, USUAL_CLASSES, number_of
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv
from spec import ModelSpec

Mask: TypeAlias = NDArray[np.bool_]
Finding: TypeAlias = tuple[Mask, str, Callable[[int], str]]


@dataclass(frozen=True)
class Rules:
    """What the values of one table must be."""

    key: str
    numeric: frozenset[str]
    coded: frozenset[str]  # columns with few values: categorical features and the label's class
    missing: tuple[str, ...]
    delimiter: str
    label: str = ""  # empty if another table holds it
    classes: tuple[str, ...] | None = None  # None for regression
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: ModelSpec, table: str) -> Rules:
        base, regression = table == spec.tables[0], spec.problem == "regression"
        numbers = {*spec.numeric, *([spec.label] if regression and base else [])}
        return cls(
            key=spec.join_key,
            numeric=frozenset(numbers),
            coded=frozenset({*spec.categorical, *([spec.label] if base else [])} - numbers),
            missing=spec.missing,
            delimiter=spec.delimiter,
            label=spec.label if base else "",
            classes=None if regression else spec.classes,
            ranges=spec.ranges,
        )


@dataclass(frozen=True)
class Checked:
    """The good rows of a block, their places in it, and the faults of the others."""

    rows: pa.Table
    places: NDArray[np.int64]
    block: Block
    faults: Sequence[Fault]
    total: int


def check(block: Block, names: Sequence[str], rules: Rules) -> Checked:
    """The rows of the block by the rules; each bad one has the fault that was found first."""
    read = _read_quickly(block, names, rules) or _read_carefully(block, names, rules)
    rows, places, findings, faults = read.rows, read.places, list(read.findings), [*block.faults, *read.faults]
    findings += _findings(rows, rules) if rows.num_rows else []
    bad: Mask = np.zeros(rows.num_rows, dtype=bool)
    for mask, code, reason in findings:
        for row in np.flatnonzero(mask & ~bad):
            place = int(places[row])
            faults.append(Fault(block.number(place), code, reason(int(row)), block.text(place)))
        bad |= mask
    total = len(block.faults) + len(read.faults) + rows.num_rows
    if bad.any():
        rows, places = rows.filter(pa.array(~bad)), places[~bad]
    return Checked(rows, places, block, sorted(faults, key=lambda fault: fault.row), total)


@dataclass(frozen=True)
class _Read:
    rows: pa.Table
    places: NDArray[np.int64]
    findings: Sequence[Finding] = ()
    faults: Sequence[Fault] = ()


def _read_quickly(block: Block, names: Sequence[str], rules: Rules) -> _Read | None:
    """The rows as Arrow reads them, or None if one of them is odd."""
    if any_control_characters(block.bytes_):
        return None
    types = {name: _type(name, rules) for name in names}
    try:
        rows = _arrow(block.data, names, types, rules)
    except pa.ArrowInvalid:
        return None
    for name in rules.numeric.intersection(names):
        column = rows[name]
        numbers = column.to_numpy()
        if np.count_nonzero(np.isnan(numbers)) != column.null_count or (np.abs(numbers) > LARGEST).any():
            return None
    if _begin_as(rows, names[0]).any():
        return None
    return _Read(rows, np.arange(rows.num_rows))


def _read_carefully(block: Block, names: Sequence[str], rules: Rules) -> _Read:
    """Bad rows are taken out until Arrow can read the others as texts; then the numbers are made."""
    bad, faults = bad_bytes(block, len(names), rules.delimiter)
    places = np.flatnonzero(~bad)
    texts = {name: _type(name, rules) if name not in rules.numeric else pa.string() for name in names}
    rows = _arrow(block.only(places) if bad.any() else block.data, names, texts, rules)
    if not rows.num_rows:
        return _Read(_arrow(b"", names, {name: _type(name, rules) for name in names}, rules), places, (), faults)
    findings = [_header_again(rows, names)] if _begin_as(rows, names[0]).any() else []
    for name in names:
        if name in rules.numeric:
            numbers, wrong = _numbers(rows[name], rules.missing)
            findings.append((wrong, "not-numeric", _no_number(name, rows[name], rules)))
            rows = rows.set_column(names.index(name), name, numbers)
    return _Read(rows, places, findings, faults)


def _arrow(data: bytes, names: Sequence[str], types: Mapping[str, Any], rules: Rules) -> pa.Table:
    if not data:
        return pa.table({name: pa.array([], types[name]) for name in names})
    return arrow_csv.read_csv(
        pa.BufferReader(data),
        read_options=arrow_csv.ReadOptions(column_names=list(names), use_threads=False, block_size=len(data) + 1),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True, delimiter=rules.delimiter),
        convert_options=arrow_csv.ConvertOptions(
            column_types=types, null_values=list(rules.missing), strings_can_be_null=False
        ),
    )


def _type(name: str, rules: Rules) -> Any:
    if name in rules.numeric:
        return pa.float64()
    return pa.dictionary(pa.int32(), pa.string()) if name in rules.coded else pa.string()


def _begin_as(rows: pa.Table, name: str) -> Mask:
    """Rows whose first value is the name of its column."""
    column = rows.column(0)
    if pa.types.is_floating(column.type):
        return np.zeros(rows.num_rows, dtype=bool)
    return _mask(pc.equal(column, name))


def _header_again(rows: pa.Table, names: Sequence[str]) -> Finding:
    again = np.ones(rows.num_rows, dtype=bool)
    for place, name in enumerate(names):
        again &= _mask(pc.equal(rows.column(place), name))
    return again, "header-again", lambda row: "the row holds the column names; files were put together with theirs"


def _numbers(column: pa.ChunkedArray, missing: Sequence[str]) -> tuple[Any, Mask]:
    """The texts as numbers, null where a missing marker stands or no number, and where there is no number."""
    coded = column.combine_chunks().dictionary_encode()
    absent = frozenset(missing)
    texts = coded.dictionary.to_pylist()
    values = [None if text in absent else number_of(text) for text in texts]
    wrong = np.array([value is None and text not in absent for text, value in zip(texts, values, strict=True)], bool)
    numbers = pa.array(values, pa.float64()).take(coded.indices)
    return numbers, wrong[coded.indices.to_numpy()] if len(texts) else np.zeros(len(coded), dtype=bool)


def _no_number(name: str, column: pa.ChunkedArray, rules: Rules) -> Callable[[int], str]:
    markers = ", ".join(map(repr, rules.missing)) or "none"

    def reason(row: int) -> str:
        text = column[row].as_py()
        return (
            f"column {name!r}: {shown(text)} is no number; allowed: finite decimal numbers such as 1234.5 that a "
            f"32-bit float holds, and the missing markers ({markers})"
        )

    return reason


def _findings(rows: pa.Table, rules: Rules) -> Iterator[Finding]:
    if rules.key in rows.column_names:
        keys = rows[rules.key]
        absent = pc.or_(
            pc.equal(pc.utf8_trim_whitespace(keys), ""), pc.is_in(keys, value_set=pa.array(rules.missing, pa.string()))
        )
        yield _mask(absent), "keys-missing", lambda row: f"there is no {rules.key!r} ({shown(keys[row].as_py())})"
    for name, (low, high) in rules.ranges.items():
        if name in rows.column_names and name in rules.numeric:
            yield _out_of_range(name, rows[name], low, high)
    if rules.label:
        yield _wrong_label(rows[rules.label], rules)


def _out_of_range(name: str, column: pa.ChunkedArray, low: float, high: float) -> Finding:
    numbers = column.to_numpy()
    mask = (numbers < low) | (numbers > high)
    return mask, "out-of-range", lambda row: f"column {name!r}: {numbers[row]:g} is not within [{low:g}, {high:g}]"


def _wrong_label(column: pa.ChunkedArray, rules: Rules) -> Finding:
    if rules.classes is None:
        reason = f"column {rules.label!r}: the label is missing; give every row a number"
        return _mask(column.is_null()), "label-values", lambda row: reason
    allowed = rules.classes or tuple(USUAL_CLASSES)
    coded = column.combine_chunks()
    texts = coded.dictionary.to_pylist()
    wrong = np.array([class_of(text, rules.classes) is None for text in texts], dtype=bool)
    mask = wrong[coded.indices.to_numpy()] if len(texts) else np.zeros(len(coded), dtype=bool)
    return (
        mask,
        "label-values",
        lambda row: f"column {rules.label!r}: {shown(coded[row].as_py())} is no class; allowed: {', '.join(allowed)}",
    )


def class_of(text: str, classes: Sequence[str]) -> str | None:
    """The class that a label's text means; without names the usual spellings mean 0 and 1."""
    if classes:
        return text if text in classes else None
    code = USUAL_CLASSES.get(text.lower())
    return None if code is None else str(code)


def _mask(column: Any) -> Mask:
    found: Mask = pc.fill_null(column, False).to_numpy(zero_copy_only=False)
    return found
