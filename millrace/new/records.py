"""What is known of tables, and what is proposed from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BINARY, MULTICLASS, REGRESSION = "binary", "multiclass", "regression"
PROBLEMS = (BINARY, MULTICLASS, REGRESSION)
LARGEST_CLASS_COUNT = 100


@dataclass(frozen=True)
class Dialect:
    """How a file is written; `names` are those of its first line, or made up when it has none."""

    encoding: str
    delimiter: str
    header: bool
    names: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """What one column holds. Counts are of rows; `values` is None when there are too many different ones to keep."""

    name: str
    rows: int
    markers: Mapping[str, int]
    kinds: Mapping[str, int]
    values: Mapping[str, int] | None
    distinct: int
    digests: Any
    low: float = 0.0
    high: float = 0.0
    mean: float = 0.0
    deviation: float = 0.0
    whole: bool = False
    examples: Mapping[str, str] = field(default_factory=dict)

    @property
    def known(self) -> int:
        """Rows with a value that is no missing marker."""
        return self.rows - sum(self.markers.values())

    @property
    def unique(self) -> bool:
        """Whether each row has a value, and another one than all the others."""
        return self.known == self.rows == self.distinct and self.rows > 0

    def share(self, *kinds: str) -> float:
        """Which part of the values is of these kinds."""
        return sum(self.kinds.get(kind, 0) for kind in kinds) / self.known if self.known else 0.0


@dataclass(frozen=True)
class Table:
    """One file as a table. `sample` holds whole rows from all over the file, for questions about two columns."""

    path: Path
    name: str
    dialect: Dialect
    columns: tuple[Column, ...]
    rows: int
    ragged: int
    sample: tuple[tuple[str, ...], ...]

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        return self.dialect.names

    def sampled(self, name: str) -> list[str]:
        place = self.names.index(name)
        return [row[place] for row in self.sample]


@dataclass(frozen=True)
class Wishes:
    """What the user decided instead of leaving it to be inferred."""

    label: str | None = None
    key: str | None = None
    problem: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Label:
    """What is predicted: `classes` in the settings' order, `counts` of rows by class, `why` it was chosen."""

    column: str
    problem: str
    why: str
    classes: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    deviation: float = 0.0
    missing: int = 0
    notes: tuple[str, ...] = ()

    @property
    def positives(self) -> int:
        return self.counts[self.classes[1]]

    @property
    def commonest_share(self) -> float:
        return max(self.counts.values()) / sum(self.counts.values())


@dataclass(frozen=True)
class Use:
    """What becomes of a column: `role` is numeric, categorical or unused; `why` is empty where it is clear."""

    column: str
    table: str
    role: str
    why: str = ""


@dataclass(frozen=True)
class Proposal:
    """A model's settings as inferred, with what was assumed and what the user should look at."""

    name: str
    tables: tuple[Table, ...]
    key: str
    key_why: str
    label: Label
    uses: tuple[Use, ...]
    missing: tuple[str, ...]
    assumed: tuple[str, ...]
    watch: tuple[str, ...]

    @property
    def base(self) -> Table:
        return self.tables[0]

    def of_role(self, role: str) -> list[Use]:
        return [use for use in self.uses if use.role == role]
