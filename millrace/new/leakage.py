"""Columns that know the label's value already: they came from it, or after it. Pure; called by `uses.py`.

Looked for in a sample of whole rows of the label's table. What determines the label without exception is left out,
with the reason; what nearly does is told and stays.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from millrace.new import values
from millrace.new.records import REGRESSION, Column, Label, Table

LEAST_ROWS = 50
ROWS_PER_VALUE = 5
NEARLY = 0.995
BLOCK = 200


@dataclass(frozen=True)
class Answered:
    """The sampled rows whose label is known, and their labels."""

    rows: Sequence[tuple[str, ...]]
    answers: Sequence[str]

    @classmethod
    def of(cls, table: Table, label: Label) -> Answered:
        found = [
            (row, answer)
            for row, answer in zip(table.sample, table.sampled(label.column), strict=True)
            if not values.is_marker(answer) or answer in label.classes
        ]
        return cls([row for row, _ in found], [answer for _, answer in found])


def suspect(table: Table, column: Column, label: Label, answered: Answered) -> tuple[bool, str]:
    """Whether the column must be left out, and what is suspicious about it (an empty text: nothing)."""
    if len(answered.answers) < LEAST_ROWS:
        return False, ""
    place = table.names.index(column.name)
    texts = [row[place] for row in answered.rows]
    known = [pair for pair in zip(texts, answered.answers, strict=True) if pair[0] not in column.markers]
    if label.problem == REGRESSION:
        return _of_amounts(known, label.column)
    filled = {answer for _, answer in known}
    # a column that is filled in for one class only, such as the date on which the fraud was found out
    empty = {answer for text, answer in zip(texts, answered.answers, strict=True) if text in column.markers}
    if filled and empty and not filled & empty:
        return True, f"it is filled in exactly where {label.column} is {' or '.join(sorted(filled))}"
    return (_of_classes(known, label) if len(filled) > 1 else None) or (False, "")


def _of_classes(known: Sequence[tuple[str, str]], label: Label) -> tuple[bool, str] | None:
    if len({value for value, _ in known}) * ROWS_PER_VALUE <= len(known):
        answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for value, answer in known:
            answers[value][answer] += 1
        right = sum(max(counts.values()) for counts in answers.values()) / len(known)
        if right == 1.0:
            same = len(answers) == len(label.classes)
            what = "each of its values goes with one class" if same else "each of its values goes with one class only"
            return True, f"{what} of {label.column}: it determines the label"
        commonest = max(Counter(answer for _, answer in known).values()) / len(known)
        if right >= NEARLY and (1 - right) * 10 < 1 - commonest:
            return False, f"its value alone tells {label.column} in {right:.1%} of the rows"
    return _of_one_split(known, label)


def _of_one_split(known: Sequence[tuple[str, str]], label: Label) -> tuple[bool, str] | None:
    """A number that parts the two classes at one point."""
    if len(label.classes) != 2 or any(values.kind_of(value) != values.NUMBER for value, _ in known[:LEAST_ROWS]):
        return None
    ends: dict[str, list[float]] = {name: [] for name in label.classes}
    negative, positive = ends.values()
    for start in range(0, len(known), BLOCK):  # most numbers overlap soon, and are then looked at no further
        for value, answer in known[start : start + BLOCK]:
            if values.kind_of(value) == values.NUMBER and answer in ends:
                ends[answer].append(float(value))
        if negative and positive and min(negative) <= max(positive) and min(positive) <= max(negative):
            return None
    if min(len(negative), len(positive)) < ROWS_PER_VALUE:
        return None
    return True, f"one point on its scale parts the classes of {label.column} without exception"


def _of_amounts(known: Sequence[tuple[str, str]], label: str) -> tuple[bool, str]:
    import numpy

    pairs = [
        (float(value), float(answer))
        for value, answer in known
        if values.kind_of(value) == values.kind_of(answer) == values.NUMBER
    ]
    if len(pairs) < LEAST_ROWS or len(pairs) * 2 < len(known):
        return False, ""
    numbers = numpy.array(pairs).T
    if not all(row.std() for row in numbers):
        return False, ""
    strength = abs(float(numpy.corrcoef(numbers)[0, 1]))
    if strength > 1 - 1e-6:
        equal = bool((numbers[0] == numbers[1]).all())
        return True, f"it equals {label}" if equal else f"it is {label} on another scale (correlation {strength:.6f})"
    if strength > NEARLY:
        return False, f"it is nearly {label} (correlation {strength:.4f})"
    return False, ""
