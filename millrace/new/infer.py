"""From tables to a proposal: the steps in their order."""

from __future__ import annotations

import math
from collections.abc import Sequence

from millrace.errors import MillraceError
from millrace.new import naming
from millrace.new.keys import choose_key
from millrace.new.labels import choose_label
from millrace.new.missing import markers_of
from millrace.new.records import BINARY, REGRESSION, Label, Proposal, Table, Use, Wishes
from millrace.new.uses import NUMERIC, UNUSED, uses_of

MOST_TABLES = 8
TEST_PART = 0.15
MIN_SUPPORT = 10
LARGEST_BAD_SHARE = 0.05
ENDINGS = "rows that cannot be used are put aside, and more than 5 % of them end a run"


def infer(tables: Sequence[Table], wishes: Wishes) -> Proposal:
    """The settings that fit the tables; MillraceError where the user must decide."""
    _check_tables(tables)
    base, label = choose_label(tables, wishes)
    tables = (base, *[table for table in tables if table is not base])
    key, key_why = choose_key(tables, wishes)
    _check_label(tables, key, label)
    uses, suspects = uses_of(tables, key, label)
    if not any(use.role != UNUSED for use in uses):
        reasons = "; ".join(f"{use.column}: {use.why}" for use in uses)
        raise MillraceError(f"no column is left to learn {label.column} from ({reasons})")
    markers = markers_of(tables, uses, label)
    return Proposal(
        name=_model_name(base, wishes),
        tables=tuple(tables),
        key=key,
        key_why=key_why,
        label=label,
        uses=uses,
        missing=markers.texts,
        assumed=(*label.notes, *markers.assumed),
        watch=(*markers.watch, *suspects, *_rows_put_aside(tables, uses, label), *_too_few(base, label)),
    )


def _check_label(tables: Sequence[Table], key: str, label: Label) -> None:
    if label.column == key:
        raise MillraceError(f"{key} is the label and the key: choose others with --label and --key")
    holders = [table.path.name for table in tables if label.column in table.names]
    if len(holders) > 1:
        raise MillraceError(
            f"{' and '.join(holders)} have the label {label.column}: take it out of all but one, or rename it there"
        )


def _check_tables(tables: Sequence[Table]) -> None:
    if len(tables) > MOST_TABLES:
        raise MillraceError(f"{len(tables)} files were given; a model has {MOST_TABLES} tables at most")
    for table in tables:
        if wrong := naming.wrong_file(table.path.name):
            raise MillraceError(f"{table.path.name} {wrong}")
    names = [table.name for table in tables]
    for name in names:
        same = [table.path.name for table in tables if table.name == name]
        if len(same) > 1:
            raise MillraceError(
                f"{' and '.join(same)} would both be the table {name}: rename one (a date or a number at the end of a "
                "name does not count), or give only one of them if they are parts of one table"
            )
    if len(tables) > 1:
        for table in tables:
            if not table.dialect.header:
                raise MillraceError(f"{table.path.name} has no line of column names; with several tables each needs it")
        _check_alike(tables)


def _check_alike(tables: Sequence[Table]) -> None:
    """The settings name one encoding and one delimiter for all tables."""
    for what in ("encoding", "delimiter"):
        found = {getattr(table.dialect, what): table.path.name for table in tables}
        if len(found) > 1:
            told = ", ".join(f"{name}: {value!r}" for value, name in found.items())
            raise MillraceError(f"the files differ in their {what} ({told}): save them alike")


def _model_name(base: Table, wishes: Wishes) -> str:
    name = wishes.name or naming.model_name(base.name)
    if not naming.is_model_name(name):
        raise MillraceError(
            f"--name is {name!r}: a model's name has small letters, digits and single hyphens, a letter first, "
            f"{naming.LONGEST_MODEL} characters at most"
        )
    return name


def _rows_put_aside(tables: Sequence[Table], uses: Sequence[Use], label: Label) -> list[str]:
    told = []
    base = tables[0]
    for table in tables:
        if table.ragged:
            told.append(f"{table.path.name}: {table.ragged:,} rows do not have {len(table.names)} fields; {ENDINGS}")
    if label.missing:
        share = label.missing / base.rows
        ends = " (this file has more: clean it first)" if share > LARGEST_BAD_SHARE else ""
        told.append(f"{label.column}: {label.missing:,} rows have no label; {ENDINGS}{ends}")
    for use in uses:
        if use.role == NUMERIC and "hold no number" in use.why:
            told.append(f"{use.column}: {use.why}; add the text to `missing` if it means not known: {ENDINGS}")
    return told


def _too_few(base: Table, label: Label) -> list[str]:
    """Classes that the test part will not hold often enough for a verdict."""
    needed = math.ceil(MIN_SUPPORT / TEST_PART * 1.3)
    if label.problem == REGRESSION:
        return [] if base.rows >= needed else [f"{base.rows} rows: about {needed} are needed for a verdict"]
    counted = {label.classes[1]: label.positives} if label.problem == BINARY else dict(label.counts)
    rare = {name: count for name, count in counted.items() if count < needed}
    if not rare:
        return []
    listed = ", ".join(f"{name!r} {count}" for name, count in rare.items())
    return [
        f"classes with few rows ({listed}): a verdict needs {MIN_SUPPORT} of each in the test part, so about {needed} "
        "in all; collect more, merge classes, or lower gate.min_support knowing that the figures are then noise"
    ]
