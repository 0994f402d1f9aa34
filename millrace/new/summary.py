"""A proposal in few lines for the terminal. Called by `millrace.cli.new`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from millrace.new.dialect import DELIMITERS
from millrace.new.records import REGRESSION, Proposal, Table, Use
from millrace.new.uses import CATEGORICAL, NUMERIC, UNUSED

NAMES_SHOWN = 12
ENCODINGS = {"utf-8": "UTF-8", "cp949": "CP949", "utf-16": "UTF-16", "windows-1252": "windows-1252"}


def of_table(table: Table) -> str:
    """`claims.csv: 5,000 rows, 18 columns, UTF-8, commas, a line of names`."""
    dialect = table.dialect
    names = "a line of names" if dialect.header else "no line of names"
    called = "" if table.name == table.path.stem else f"; the table is called {table.name}"
    return (
        f"{table.path.name}: {table.rows:,} rows, {len(table.columns)} columns, {ENCODINGS[dialect.encoding]}, "
        f"{DELIMITERS[dialect.delimiter]}, {names}{called}"
    )


def facts(proposal: Proposal) -> Iterator[tuple[str, str]]:
    """What is used for what; a first word and the rest of the line."""
    label = proposal.label
    yield "label", f"{label.column}, {label.why}"
    yield "problem", _problem(proposal)
    if proposal.key:
        yield "key", f"{proposal.key}: {proposal.key_why}"
    for role in (NUMERIC, CATEGORICAL):
        yield role, _listed(proposal.of_role(role))
    markers = ", ".join(repr(text) for text in proposal.missing if text)
    yield "not known", markers + (" and the empty text" if markers else "the empty text")


def unused(proposal: Proposal) -> list[tuple[str, str]]:
    """The columns that are left out, and why; those left out for the same reason in one line."""
    by_reason: dict[str, list[str]] = {}
    for use in proposal.of_role(UNUSED):
        if use.column not in by_reason.setdefault(use.why, []):
            by_reason[use.why].append(use.column)
    return [(", ".join(names[:6]) + (" ..." if len(names) > 6 else ""), why) for why, names in by_reason.items()]


def told(proposal: Proposal) -> list[str]:
    """What was assumed, also of columns that are used."""
    features = [use for use in proposal.uses if use.role != UNUSED and use.why and "hold no number" not in use.why]
    return [*proposal.assumed, *[f"{use.column} is {use.role}: {use.why}" for use in features]]


def next_steps(proposal: Proposal) -> Iterator[str]:
    """The commands that follow. `drop` finds a file's table by its name, so others are told one by one."""
    yield "millrace deploy"
    named = [table for table in proposal.tables if table.path.stem.startswith(table.name)]
    if named:
        yield f"millrace drop {' '.join(_quoted(str(table.path)) for table in named)} --model {proposal.name}"
    for table in proposal.tables:
        if table not in named:
            yield f"millrace drop {_quoted(str(table.path))} --model {proposal.name} --table {table.name}"
    yield f"millrace runs --follow --model {proposal.name}"


def _problem(proposal: Proposal) -> str:
    label = proposal.label
    if label.problem == REGRESSION:
        column = proposal.base.column(label.column)
        return f"regression: {column.low:g} to {column.high:g}, mean {column.mean:.4g}, deviation {label.deviation:.4g}"
    total = sum(label.counts.values())
    counts = [f"{name.strip()} {label.counts[name] / total:.1%}" for name in label.classes[:NAMES_SHOWN]]
    rest = f" and {len(label.classes) - NAMES_SHOWN} more" if len(label.classes) > NAMES_SHOWN else ""
    return f"{label.problem}: {', '.join(counts)}{rest}"


def _listed(uses: Sequence[Use]) -> str:
    names = [use.column for use in uses]
    if not names:
        return "none"
    rest = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"{len(names)}: {', '.join(names[:NAMES_SHOWN])}{rest}"


def _quoted(path: str) -> str:
    import shlex

    return path if path.isprintable() and not set(path) & set(" '\"\\$&;|<>()*?#~`!") else shlex.quote(path)
