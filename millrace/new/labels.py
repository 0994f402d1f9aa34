"""Which column is predicted, and what kind of problem it makes. Pure; called by `infer.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from millrace.errors import MillraceError
from millrace.new import hints, naming, values
from millrace.new.records import (
    BINARY,
    LARGEST_CLASS_COUNT,
    MULTICLASS,
    PROBLEMS,
    REGRESSION,
    Column,
    Label,
    Table,
    Wishes,
)

FEW_WHOLE_NUMBERS = 10
RARE = 0.02
LONGEST_CLASS = 128
LAST = "the last column; no name tells which is the label (choose another with --label NAME)"


def choose_label(tables: Sequence[Table], wishes: Wishes) -> tuple[Table, Label]:
    """The table that holds the label, and the label."""
    if wishes.problem and wishes.problem not in PROBLEMS:
        raise MillraceError(f"--problem is {wishes.problem!r}; allowed: {', '.join(PROBLEMS)}")
    table, name, why = _named(tables, wishes.label) if wishes.label else _guessed(tables, wishes.key)
    if wrong := naming.wrong_column(name):
        raise MillraceError(f"the label is {name!r}, but {wrong}")
    return table, describe(table, as_label(table.column(name)), wishes.problem, why)


def describe(table: Table, column: Column, problem: str | None, why: str) -> Label:
    """The label in this column: problem, classes, counts."""
    if wrong := why_implausible(column):
        raise MillraceError(f"the label {column.name} of {table.path.name} cannot be learned: {wrong}")
    found = dict(column.values or {})
    guess, reason = problem_of(column)
    _check_wish(problem, column, len(found))
    chosen = problem or guess
    known = column.kinds[values.NUMBER] if chosen == REGRESSION else sum(found.values())
    missing = column.rows - known
    if missing > known:
        raise MillraceError(
            f"{missing:,} of the {column.rows:,} rows have no {column.name}, the label: leave these rows out, or write "
            "a word for what the gap means, such as none"
        )
    notes: tuple[str, ...] = () if problem or not reason else (reason,)
    if chosen != REGRESSION and not problem:
        _refuse_spellings(table, column.name, found, chosen)
    if chosen == REGRESSION:
        return Label(column.name, chosen, why, deviation=column.deviation, missing=missing, notes=notes)
    classes = tuple(sorted(found, key=_order))
    if chosen == BINARY:
        classes, reason = _ordered(found)
        notes = (*notes, reason)
    notes = (*notes, *_unknown_classes(found))
    return Label(column.name, chosen, why, classes=classes, counts=found, missing=missing, notes=notes)


def _refuse_spellings(table: Table, label: str, found: Iterable[str], problem: str) -> None:
    """`Yes` and `yes` are one answer: as two classes they would cost the model its sense."""
    if same := values.alike(found):
        listed = "; ".join(" and ".join(map(repr, group)) for group in same)
        raise MillraceError(
            f"classes of the label {label} in {table.path.name} differ only in how they are written ({listed}): write "
            f"them alike, or say --problem {problem} if they are different classes"
        )


def _unknown_classes(found: Mapping[str, int]) -> list[str]:
    """`미상` among the classes may mean that nobody knows which of the others it is."""
    total = sum(found.values())
    return [
        f"{text!r} ({count / total:.1%} of the rows) is a class of its own; if it means not known, take its rows out"
        for text, count in found.items()
        if text in values.DOUBTFUL
    ]


def _check_wish(problem: str | None, column: Column, classes: int) -> None:
    """The problem that the user names must be possible with the values."""
    if problem == BINARY and classes != 2:
        raise MillraceError(f"--problem binary: the label {column.name} has {column.distinct:,} values, not two")
    if problem == MULTICLASS and not 2 <= classes <= LARGEST_CLASS_COUNT:
        raise MillraceError(
            f"--problem multiclass: the label {column.name} has {column.distinct:,} values; 2 to {LARGEST_CLASS_COUNT} "
            "classes are possible"
        )
    if problem == REGRESSION and not column.share(values.NUMBER) > 0.95:
        raise MillraceError(f"--problem regression: the label {column.name} is no number: {_shown(column)}")


def problem_of(column: Column) -> tuple[str, str]:
    """The problem that the values make, and what was assumed if it could be another one."""
    if column.distinct == 2:
        return BINARY, ""
    if column.share(values.NUMBER) <= 0.95:
        return MULTICLASS, ""
    if not _is_whole(column) or hints.names_an_amount(column.name):
        return REGRESSION, ""
    if column.distinct <= FEW_WHOLE_NUMBERS or (
        hints.names_a_class(column.name) and column.distinct <= LARGEST_CLASS_COUNT
    ):
        told = f"the label has {column.distinct} whole numbers, taken for classes; amounts are --problem regression"
        return MULTICLASS, told
    told = f"the label has {column.distinct:,} whole numbers, taken for amounts; classes are --problem multiclass"
    return REGRESSION, told if column.distinct <= LARGEST_CLASS_COUNT else ""


def _is_whole(column: Column) -> bool:
    """`1.0` is a whole number too: pandas writes it so when a value of the column is missing."""
    few = column.values if column.values and len(column.values) <= LARGEST_CLASS_COUNT else {}
    texts = [text for text in few if values.kind_of(text) == values.NUMBER]
    return column.whole or (bool(texts) and all(float(text).is_integer() for text in texts))


def why_implausible(column: Column) -> str:
    """Why a column cannot be a label, or an empty text."""
    if column.distinct < 2:
        return "it has one value only" if column.distinct else "it has no values"
    if column.share(values.DATE) > 0.5:
        return "it holds dates"
    if column.share(values.WRITTEN) > 0.5:
        example = column.examples[values.WRITTEN]
        return f"it holds numbers written for people ({example!r}): write them plainly, such as 1234.5"
    if column.share(values.NUMBER) > 0.95:
        compact = column.whole and all(values.compact_date(str(int(end))) for end in (column.low, column.high))
        return "it holds dates" if compact else ""
    if column.distinct > LARGEST_CLASS_COUNT:
        return f"it has {column.distinct:,} different texts; {LARGEST_CLASS_COUNT} classes are possible"
    odd = next((text for text in column.values or () if len(text) > LONGEST_CLASS or not text.isprintable()), None)
    if odd is not None:
        return f"a class has {LONGEST_CLASS} characters at most and no line breaks, and {odd[:40]!r} is none"
    return ""


def _named(tables: Sequence[Table], name: str) -> tuple[Table, str, str]:
    holders = [table for table in tables if name in table.names]
    if not holders:
        known = "; ".join(f"{table.path.name}: {', '.join(table.names)}" for table in tables)
        raise MillraceError(f"--label {name}: no table has such a column ({known})")
    if len(holders) > 1:
        files = " and ".join(table.path.name for table in holders)
        raise MillraceError(f"--label {name}: {files} both have it; the label stands in one table only")
    if wrong := why_implausible(as_label(holders[0].column(name))):
        raise MillraceError(f"--label {name}: {wrong}")
    return holders[0], name, "as you said"


def _guessed(tables: Sequence[Table], key: str | None) -> tuple[Table, str, str]:
    """By its name, else the last column of the first table."""
    candidates = [
        (hints.label_strength(column.name), table, column.name)
        for table in tables
        for column in table.columns
        if column.name != key and hints.label_strength(column.name) and not _is_no_label(column)
    ]
    strongest = max((strength for strength, *_ in candidates), default=0)
    named = [(table, name) for strength, table, name in candidates if strength == strongest]
    if strongest == 1:
        named = _weakly_named(tables[0], named)
    if len(named) == 1:
        return *named[0], _why_chosen(named[0][1])
    if len(named) > 1:
        listed = ", ".join(f"{name} ({table.path.name}: {_shown(table.column(name))})" for table, name in named)
        raise MillraceError(f"several columns could be the label: {listed}; choose one with --label NAME")
    _refuse_what_is_named_only(tables)
    base = tables[0]
    last = base.columns[-1]
    if last.name == key or _is_no_label(last):
        raise MillraceError(_unclear(base))
    return base, last.name, LAST


def _refuse_what_is_named_only(tables: Sequence[Table]) -> None:
    """A column that is named like the label but cannot be it is more likely a mistake than a feature."""
    for table in tables:
        for column in table.columns:
            wrong = why_implausible(as_label(column))
            if wrong and hints.label_strength(column.name) > 1:
                told = f"{column.name} of {table.path.name} is named like the label, but {wrong}"
                raise MillraceError(f"{told}; choose another column with --label NAME")


def _why_chosen(name: str) -> str:
    strength = hints.label_strength(name)
    if strength > 1:
        return "by its name"
    return "by its name, which a feature could have too" if strength else LAST


def _weakly_named(base: Table, named: list[tuple[Table, str]]) -> list[tuple[Table, str]]:
    """`price` or `rating` may be features: the last column counts as much, and more if it has two values."""
    last = (base, base.names[-1])
    column = as_label(base.columns[-1])
    if last in named or (column.distinct == 2 and not _is_no_label(column)):
        return [last]
    return named if _is_no_label(column) else [*named, last]


def _is_no_label(column: Column) -> bool:
    column = as_label(column)
    key_like = hints.names_an_id(column.name) and not hints.label_strength(column.name)
    return bool(why_implausible(column)) or (key_like and column.distinct > FEW_WHOLE_NUMBERS)


def _unclear(table: Table) -> str:
    last = table.columns[-1]
    reason = why_implausible(last) or "it looks like an id"
    possible = [f"{column.name} ({_shown(column)})" for column in table.columns if not _is_no_label(column)]
    if not possible:
        return f"no column of {table.path.name} can be the label: the last one, {last.name}, cannot because {reason}"
    few = ", ".join(possible[:12]) + (f" and {len(possible) - 12} more" if len(possible) > 12 else "")
    return (
        f"no name tells which column of {table.path.name} is the label, and the last one, {last.name}, cannot be: "
        f"{reason}; choose one with --label NAME: {few}"
    )


def as_label(column: Column) -> Column:
    """The column with `None` or `없음` among its classes: a doubtful marker is an answer too, unless it is rare."""
    if column.values is None or column.share(values.NUMBER) > 0.5:
        return column
    doubtful = {text: count for text, count in column.markers.items() if text in values.DOUBTFUL}
    answers = {text: count for text, count in doubtful.items() if count >= RARE * column.rows}
    return replace(
        column,
        markers={text: count for text, count in column.markers.items() if text not in answers},
        values={**column.values, **answers},
        kinds={**column.kinds, values.TEXT: column.kinds.get(values.TEXT, 0) + sum(answers.values())},
        distinct=column.distinct + len(answers),
    )


def _ordered(found: dict[str, int]) -> tuple[tuple[str, ...], str]:
    """Negative first. By the word if it tells, else the rarer one is positive."""
    one, other = sorted(found, key=lambda text: (-found[text], text))
    chosen = hints.positive(one, other)
    positive = chosen or other
    negative = one if positive == other else other
    why = "by its word" if chosen else "the rarer one"
    return (negative, positive), f"{positive!r} is the positive class: {why}"


def _order(text: str) -> tuple[int, float, str]:
    return (0, float(text), text) if values.kind_of(text) == values.NUMBER else (1, 0.0, text)


def _shown(column: Column) -> str:
    if column.values is not None and column.distinct <= 5:
        return "/".join(sorted(column.values))
    if column.share(values.NUMBER) > 0.95:
        return f"{column.low:g} to {column.high:g}"
    return f"{column.distinct:,} values such as {next(iter(column.examples.values()), '')!r}"
