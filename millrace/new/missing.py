"""Which texts mean "not known" in these tables. Pure; called by `infer.py`.

One list holds for the whole model. Texts such as `NA` are always markers. `None`, `N/A` or `없음` may as well be a
category: among numbers they are markers; among texts they are when they are rare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from millrace.new import values
from millrace.new.records import Column, Label, Table, Use
from millrace.new.uses import CATEGORICAL, NUMERIC

RARE = 0.02


@dataclass
class Markers:
    """The texts with the column in which each was seen first; what was assumed of them, and what to look at."""

    found: dict[str, str] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)
    watch: list[str] = field(default_factory=list)

    @property
    def texts(self) -> tuple[str, ...]:
        return ("", *sorted(self.found.keys() - {""}))


def markers_of(tables: Sequence[Table], uses: Sequence[Use], label: Label) -> Markers:
    """The markers of the columns in use; a class of the label is never one."""
    markers = Markers()
    roles = {(use.table, use.column): use.role for use in uses}
    doubts: dict[str, list[Column]] = {}
    for each in tables:
        for column in each.columns:
            role = roles.get((each.name, column.name))
            if role in (NUMERIC, CATEGORICAL):
                _sort(column, str(role), markers, doubts)
    _decide(doubts, markers)
    for text in sorted(markers.found.keys() & set(label.classes)):
        name = markers.found.pop(text)
        markers.watch.append(f"{text!r} means not known in {name}, but is a class of the label: rename one of the two")
    return markers


def _sort(column: Column, role: str, markers: Markers, doubts: dict[str, list[Column]]) -> None:
    """What is a marker for sure, and what is in doubt."""
    for text, count in column.markers.items():
        if role == CATEGORICAL and text in values.DOUBTFUL:
            doubts.setdefault(text, []).append(column)
            continue
        markers.found.setdefault(text, column.name)
        if role == CATEGORICAL and text.strip() and count >= RARE * column.rows:
            told = "means not known; if it is a category, take it out of `missing`"
            markers.assumed.append(f"{text!r} in {_share(column, text)} {told}")


def _decide(doubts: Mapping[str, Sequence[Column]], markers: Markers) -> None:
    for text, columns in doubts.items():
        where = ", ".join(_share(column, text) for column in columns)
        if text in markers.found:
            told = f"{text!r} means not known in {markers.found[text]}, so it does in {where} too"
            markers.watch.append(f"{told}; rename one of them if it is a category there")
        elif all(column.markers[text] < RARE * column.rows for column in columns):
            markers.found[text] = columns[0].name
            markers.assumed.append(f"{text!r} in {where} means not known")
        else:
            told = "is a category; if it means not known, add it to `missing`"
            markers.assumed.append(f"{text!r} in {where} {told}")


def _share(column: Column, text: str) -> str:
    return f"{column.name} ({column.markers[text] / column.rows:.1%} of the rows)"
