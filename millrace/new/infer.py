"""From tables to a proposal: the steps in their order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from millrace.errors import MillraceError
from millrace.new import naming
from millrace.new.keys import choose_key, without_partner
from millrace.new.labels import choose_label
from millrace.new.missing import markers_of
from millrace.new.records import REGRESSION, Label, Proposal, Table, Use, Wishes
from millrace.new.uses import CATEGORICAL, NUMERIC, UNUSED, uses_of

MOST_TABLES = 8
TEST_PART = 0.15
MIN_SUPPORT = 10
OFTEN, LEAST_OFTEN = 0.02, 5
CLASSES_SHOWN = 6
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
        watch=(
            *markers.watch,
            *suspects,
            *_rows_put_aside(tables, uses, label),
            *(without_partner(tables, key) if key else ()),
            *_blanks(tables, uses, label),
            *_equal_rows(base, key),
            *_too_few(base, label),
        ),
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
            ends = _ends(table.ragged, table.rows + table.ragged)
            told.append(f"{table.path.name}: {table.ragged:,} rows do not have {len(table.names)} fields; {ends}")
    if label.missing:
        told.append(f"{label.column}: {label.missing:,} rows have no label; {_ends(label.missing, base.rows)}")
    for use in uses:
        if use.role == NUMERIC and "hold no number" in use.why:
            told.append(f"{use.column}: {use.why}; add the text to `missing` if it means not known: {ENDINGS}")
    return told


def _ends(bad: int, rows: int) -> str:
    return ENDINGS + (" (this file has more: clean it first)" if bad > LARGEST_BAD_SHARE * rows else "")


def _blanks(tables: Sequence[Table], uses: Sequence[Use], label: Label) -> list[str]:
    """Categories and classes with blanks around them, such as a file has with `, ` between its columns."""
    texts: dict[str, Iterable[str]] = {label.column: label.classes}
    for table in tables:
        kept = [use.column for use in uses if use.table == table.name and use.role == CATEGORICAL]
        texts |= {name: table.column(name).values or () for name in kept}
    blank = {name: next((text for text in held if text != text.strip()), "") for name, held in texts.items()}
    found = {name: text for name, text in blank.items() if text}
    if not found:
        return []
    example = next(iter(found.values()))
    return [
        f"values of {', '.join(found)} have blanks around them, such as {example!r}; blanks count, so requests need "
        "them too: better take them out of the files"
    ]


def _equal_rows(base: Table, key: str) -> list[str]:
    """Equal rows go into one part: where some come often, the parts are no fair samples of the table."""
    counts = Counter(base.sample)
    looked_at, most = len(base.sample), max(counts.values(), default=0)
    if key or most < max(OFTEN * looked_at, LEAST_OFTEN):
        return []
    equal = sum(count for count in counts.values() if count > 1)
    return [
        f"{equal:,} of {looked_at:,} rows are equal to others, one of them {most:,} times; equal rows all go into one "
        "part (train, validation or test), so that a part may lack a class or be easier than the table: give each row "
        "a number of its own, and name that column with --key"
    ]


def _too_few(base: Table, label: Label) -> list[str]:
    """Classes that the test part will not hold often enough for a verdict."""
    needed = math.ceil(MIN_SUPPORT / TEST_PART * 1.3)
    if label.problem == REGRESSION:
        return [] if base.rows >= needed else [f"{base.rows} rows: about {needed} are needed for a verdict"]
    rare = {name: count for name, count in label.counts.items() if count < needed}
    if not rare:
        return []
    fewest = sorted(rare.items(), key=lambda each: each[1])
    listed = ", ".join(f"{name!r} {count}" for name, count in fewest[:CLASSES_SHOWN])
    listed += f" and {len(rare) - CLASSES_SHOWN} more" if len(rare) > CLASSES_SHOWN else ""
    return [
        f"classes with few rows ({listed}): a verdict needs {MIN_SUPPORT} of each in the test part, so about {needed} "
        "in all; collect more, merge classes, or lower gate.min_support knowing that the figures are then noise"
    ]
