"""What becomes of each column: a number, a category, or unused and why. Pure; called by `infer.py`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from millrace.new import hints, leakage, naming, values
from millrace.new.records import Column, Label, Table, Use

NUMERIC, CATEGORICAL, UNUSED = "numeric", "categorical", "unused"
MOST_CATEGORIES = 100
KEPT_CATEGORIES = 50
"""So many of a column's values the steps' transform keeps."""
ROWS_PER_CATEGORY = 5
NEARLY_UNIQUE = 0.95
ODD_NUMBERS = 0.05
PLAIN_NUMBERS = 'write it as plain numbers ("1234.5") to use it as one'


def uses_of(tables: Sequence[Table], key: str, label: Label) -> tuple[tuple[Use, ...], tuple[str, ...]]:
    """The use of every column but key and label, and what is suspicious though it is used."""
    found: list[Use] = []
    watch: list[str] = []
    answered = leakage.Answered.of(tables[0], label)
    for table in tables:
        for column in table.columns:
            if column.name in (key, label.column):
                continue
            holders = [each.name for each in tables if column.name in each.names]
            if len(holders) > 1:
                told = f"{' and '.join(holders)} have a column of this name: rename it in one of them to use it"
                found.append(Use(column.name, table.name, UNUSED, told))
                continue
            use, warnings = _use(table, column, label, answered if table is tables[0] else None)
            found.append(use)
            watch += warnings
    return tuple(dict.fromkeys(found)), tuple(watch)


def role_of(column: Column) -> tuple[str, str]:
    """The role by what the column holds, and why where it is no matter of course."""
    if wrong := naming.wrong_column(column.name):
        return UNUSED, wrong
    if not column.known:
        return UNUSED, "it has no values at all"
    if column.distinct == 1 and not column.markers:
        return UNUSED, f"every row has the same value ({_first(column)!r})"
    if column.share(values.DATE) > 0.5 or _is_compact_date(column):
        return UNUSED, f"a date ({_date(column)}): {_advice_on_dates()}"
    if column.share(values.NUMBER) >= 1 - ODD_NUMBERS and not column.kinds.get(values.CODE):
        return _role_of_numbers(column)
    return _role_of_texts(column)


def _use(table: Table, column: Column, label: Label, answered: leakage.Answered | None) -> tuple[Use, list[str]]:
    """The use of one column, and warnings; `answered` are rows to look for leaks in, which the label's table has."""
    role, why = role_of(column)
    watch = []
    if role == CATEGORICAL and (same := values.alike(column.values or ())):
        listed = " and ".join(map(repr, same[0]))
        watch.append(f"{column.name}: {listed} are different categories; write them alike if they mean the same")
    if answered is None or role == UNUSED:
        return Use(column.name, table.name, role, why), watch
    out, what = leakage.suspect(table, column, label, answered)
    if out:
        told = f"{what}; where it is known before the label is, take it back in"
        return Use(column.name, table.name, UNUSED, told), []
    if what:
        watch.append(f"{column.name}: {what}; leave it out if it is known only after the label")
    return Use(column.name, table.name, role, why), watch


def _role_of_numbers(column: Column) -> tuple[str, str]:
    named = hints.names_an_id(column.name)
    if column.whole and column.distinct > MOST_CATEGORIES:
        if column.distinct >= NEARLY_UNIQUE * column.known and (named or _counts_rows(column) or _looks_issued(column)):
            return UNUSED, "an id: nearly every row has another number"
        if named:
            return UNUSED, f"a code by its name, with {column.distinct:,} different values; a code is no amount"
    if column.whole and named and column.distinct > 2:
        return _as_categories(column, "a code by its name, so its numbers are no amounts")
    odd = column.known - column.kinds[values.NUMBER]
    if odd:
        return NUMERIC, f"{odd:,} rows hold no number (such as {_odd(column)!r})"
    return NUMERIC, ""


def _role_of_texts(column: Column) -> tuple[str, str]:
    why = ""
    if column.kinds.get(values.CODE) and column.share(values.CODE, values.NUMBER) > 1 - ODD_NUMBERS:
        why = f"codes, not numbers: {column.examples[values.CODE]!r} would lose its zeros or its last digits"
    elif column.share(values.WRITTEN, values.NUMBER) > 0.8 and column.kinds.get(values.WRITTEN):
        why = f"numbers written for people ({column.examples[values.WRITTEN]!r}): {PLAIN_NUMBERS}"
    elif unit := _unit(column):
        why = f"numbers with a unit ({unit!r}): where they are amounts, {PLAIN_NUMBERS}"
    elif column.share(values.NUMBER) > 0.5:
        why = f"numbers and texts mixed ({_odd(column)!r}): clean it to use it as a number"
    return _as_categories(column, why)


def _as_categories(column: Column, why: str) -> tuple[str, str]:
    told = f" ({why})" if why else ""
    if column.distinct > MOST_CATEGORIES and column.distinct >= NEARLY_UNIQUE * column.known:
        return UNUSED, f"an id or free text: nearly every row has another value{told}"
    if column.distinct > MOST_CATEGORIES:
        return UNUSED, f"{column.distinct:,} different values, more than {MOST_CATEGORIES} categories{told}"
    if column.distinct * ROWS_PER_CATEGORY > column.known and column.distinct > 2:
        return UNUSED, f"{column.distinct:,} different values in {column.known:,} rows: too few rows for each{told}"
    if column.distinct > KEPT_CATEGORIES:
        kept = f"of its {column.distinct} values the model tells the {KEPT_CATEGORIES} most frequent apart, no others"
        why = f"{kept}; {why}" if why else kept
    return CATEGORICAL, why


def _unit(column: Column) -> str:
    """An example, if most values are numbers with the same letters after them; empty if they are not."""
    units = Counter[str]()
    examples: dict[str, str] = {}
    for text, count in (column.values or dict.fromkeys(column.examples.values(), 1)).items():
        units[values.unit_of(text)] += count
        examples.setdefault(values.unit_of(text), text)
    [(unit, most)] = units.most_common(1)
    return examples[unit] if unit and most > 0.8 * units.total() else ""


def _counts_rows(column: Column) -> bool:
    return column.high - column.low + 1 <= column.known * 1.05


def _looks_issued(column: Column) -> bool:
    """Numbers of the same length, each another one, with five digits at least: issued, not measured."""
    low, high = f"{column.low:.0f}", f"{column.high:.0f}"
    return column.distinct == column.known and len(low) == len(high) >= 5 and column.low > 0


def _is_compact_date(column: Column) -> bool:
    """20260301, 202603 and the like: all of them days, months or times."""
    low, high = (f"{end:.0f}" for end in (column.low, column.high))
    if not column.whole or column.share(values.NUMBER) < 1 or len(low) != len(high):
        return False
    if column.values is None and len(low) < len("20260301"):
        return False  # there are not as many months
    return all(map(values.compact_date, column.values or (low, high)))


def _date(column: Column) -> str:
    return column.examples.get(values.DATE) or f"{column.low:.0f}"


def _advice_on_dates() -> str:
    return "make numbers of it, such as the month, the weekday or the days until an event"


def _odd(column: Column) -> str:
    return next((text for kind, text in column.examples.items() if kind != values.NUMBER), "")


def _first(column: Column) -> str:
    return next(iter(column.values or {""}))
