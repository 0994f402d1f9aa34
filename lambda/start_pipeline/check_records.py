"""What a check looks for and what it finds. Used by `check.py` and the modules beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

MEGABYTE = 1_000_000
SHOWN = 40


class TriggerFacts(Protocol):
    """What a check needs of a model's [trigger] settings."""

    @property
    def largest_file_mb(self) -> int: ...


class ModelFacts(Protocol):
    """What a check needs of a model's settings."""

    @property
    def problem(self) -> str: ...
    @property
    def tables(self) -> Sequence[str]: ...
    @property
    def join_key(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def classes(self) -> Sequence[str]: ...
    @property
    def numeric(self) -> Sequence[str]: ...
    @property
    def categorical(self) -> Sequence[str]: ...
    @property
    def segments(self) -> Sequence[str]: ...
    @property
    def missing(self) -> Sequence[str]: ...
    @property
    def encoding(self) -> str: ...
    @property
    def delimiter(self) -> str: ...
    @property
    def columns(self) -> Sequence[str]: ...
    @property
    def trigger(self) -> TriggerFacts: ...


@dataclass(frozen=True)
class Finding:
    """Why a file cannot be a table of the model: a code for programs, a sentence for people."""

    code: str
    reason: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TableSpec:
    """What every file of one table must be like.

    `join_key` is empty where nothing is joined, `classes` where the usual spellings count, and `columns` where the
    first line names the columns.
    """

    table: str
    base: str
    problem: str
    join_key: str
    label: str
    classes: tuple[str, ...]
    numeric: frozenset[str]
    required: tuple[str, ...]
    known: frozenset[str]
    missing: frozenset[str]
    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    largest_bytes: int

    @classmethod
    def of(cls, model: ModelFacts, table: str) -> TableSpec:
        """One table of a model. Which of several tables holds a feature is nowhere said, so none must."""
        base, joined = model.tables[0], len(model.tables) > 1
        features = (*model.numeric, *model.categorical, *model.segments)
        keys = (model.join_key,) if model.join_key else ()
        labels = (model.label,) if table == base else ()
        return cls(
            table=table,
            base=base,
            problem=model.problem,
            join_key=model.join_key,
            label=model.label,
            classes=tuple(model.classes),
            numeric=frozenset(model.numeric),
            required=tuple(dict.fromkeys((*keys, *labels, *(() if joined else features)))),
            known=frozenset((*keys, model.label, *features)),
            missing=frozenset(model.missing),
            encoding=model.encoding,
            delimiter=model.delimiter,
            columns=tuple(model.columns),
            largest_bytes=model.trigger.largest_file_mb * MEGABYTE,
        )

    @property
    def is_base(self) -> bool:
        return self.table == self.base


def shown(text: str) -> str:
    """A value out of a file, short enough for a sentence."""
    return repr(text) if len(text) <= SHOWN else f"{text[:SHOWN]!r}..."


def listed(names: Sequence[str], most: int = 8) -> str:
    """Some names of a file for a sentence."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(shown, names[:most])) + more
