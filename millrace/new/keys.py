"""The column by which tables are joined. Pure; called by `infer.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from millrace.errors import MillraceError
from millrace.new import hints, naming
from millrace.new.records import Column, Table, Wishes

LEAST_OVERLAP = 0.5


def choose_key(tables: Sequence[Table], wishes: Wishes) -> tuple[str, str]:
    """The join key and why; with one table it has none unless the user names one."""
    if wishes.key:
        return _named_key(tables, wishes.key)
    if len(tables) == 1:
        return "", ""
    common = [name for name in tables[0].names if all(name in table.names for table in tables[1:])]
    usable = [name for name in common if all(table.column(name).unique for table in tables)]
    usable = [name for name in usable if not naming.wrong_column(name)]
    named = [name for name in usable if hints.names_an_id(name)]
    chosen = named if len(named) == 1 else usable
    if len(chosen) == 1:
        _check_overlap(tables, chosen[0])
        return chosen[0], "in every table, each row has another value of it"
    raise MillraceError(_no_key(tables, common, usable))


def _named_key(tables: Sequence[Table], key: str) -> tuple[str, str]:
    for table in tables:
        if key not in table.names:
            raise MillraceError(f"--key {key}: {table.path.name} has no such column; it has {', '.join(table.names)}")
    for table in tables:
        column = table.column(key)
        if not column.unique:
            raise MillraceError(
                f"--key {key}: {column.rows:,} rows of {table.path.name} have {column.distinct:,} values of it"
                f"{_gaps(column)}; a key stands in every row, and in one row only"
            )
    if wrong := naming.wrong_column(key):
        raise MillraceError(f"--key {key}: {wrong}")
    if len(tables) > 1:
        _check_overlap(tables, key)
    return key, "as you said"


def _check_overlap(tables: Sequence[Table], key: str) -> None:
    """Nothing is learned from tables whose keys never meet."""
    base = tables[0]
    for other in tables[1:]:
        share = overlap(base.column(key).digests, other.column(key).digests)
        if share < LEAST_OVERLAP:
            raise MillraceError(
                f"{base.path.name} and {other.path.name} both have {key}, but only {share:.0%} of the keys of the "
                f"first (such as {_example(base, key)}) are in the second (such as {_example(other, key)}), and rows "
                "without a partner are not used: write the keys alike, or choose another column with --key"
            )


def without_partner(tables: Sequence[Table], key: str) -> list[str]:
    """How many rows of the first table find none in one of the others: a run leaves them out."""
    base = tables[0]
    told = []
    for other in tables[1:]:
        if lost := round((1 - overlap(base.column(key).digests, other.column(key).digests)) * base.rows):
            told.append(
                f"{other.path.name} has no row for {lost:,} of the {base.rows:,} rows of {base.path.name} "
                f"({lost / base.rows:.1%}): they are not used, and more than 50 % of them end a run"
            )
    return told


def _gaps(column: Column) -> str:
    return f", and {column.rows - column.known:,} have none" if column.markers else ""


def _example(table: Table, key: str) -> str:
    return repr(next(iter(table.column(key).examples.values()), ""))


def overlap(one: Any, other: Any) -> float:
    """Which part of the first keys is among the second."""
    import numpy

    return len(numpy.intersect1d(one, other, assume_unique=True)) / max(len(one), 1)


def _no_key(tables: Sequence[Table], common: Sequence[str], usable: Sequence[str]) -> str:
    if usable:
        return f"the tables could be joined by any of {', '.join(usable)}: choose one with --key NAME"
    if not common:
        heads = "; ".join(f"{table.path.name}: {', '.join(table.names)}" for table in tables)
        return f"the tables have no column in common, so they cannot be joined ({heads}); rename the key alike in all"
    told = [
        f"{name} has {table.column(name).distinct:,} values in the {table.rows:,} rows of {table.path.name}"
        f"{_gaps(table.column(name))}"
        for name in common
        for table in tables
        if not table.column(name).unique
    ]
    return (
        "no common column can join the tables, because a key has another value in every row: "
        f"{'; '.join(told)}; make one row per key of each table"
    )
