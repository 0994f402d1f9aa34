"""Why rows are no data set to learn from: too few in all, in a part or of a class, or no feature that tells anything.

Called by base_table.py for a single instance, and by train.py for the merged fits: of several instances of Preprocess
each knows its own rows only.
"""

from __future__ import annotations

from fit import Fit
from split import PARTS

MANY = 100
"""A class of so many rows misses a part only if they are equal; by chance hardly ever."""


def shortage_of(fit: Fit) -> str:
    """The first reason as a sentence; empty if there is none."""
    rows = sum(fit.rows.values())
    if rows < fit.min_rows:
        return f"{rows} good rows are left, fewer than min_rows = {fit.min_rows}; add rows or correct them"
    if fit.min_rows and (empty := [part for part in PARTS if not fit.rows.get(part)]):
        told = ", ".join(f"{part} {fit.rows.get(part, 0)}" for part in PARTS)
        return f"no row fell into the part {empty[0]} ({told}); add rows, or give the part a larger share"
    return _absent_class(fit) or _no_feature(fit)


def _absent_class(fit: Fit) -> str:
    for name in dict.fromkeys(name for labels in fit.labels.values() for name in labels):
        counts = {part: labels.get(name, 0) for part, labels in fit.labels.items()}
        if not all(counts.values()):
            told, total = ", ".join(f"{part} {count}" for part, count in counts.items()), sum(counts.values())
            what = "add rows of that class" if total < MANY else "without a join_key equal rows all go into one part"
            return f"column {fit.label!r}: class {name} has {total} rows ({told}), but each part needs some; {what}"
    return ""


def _no_feature(fit: Fit) -> str:
    if not fit.rows.get("train") or fit.transform().width:
        return ""
    return f"no feature has a value in the part train; all rows lack {', '.join(fit.order)}"
