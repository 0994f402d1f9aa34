"""Columns that know the label's value already: they came from it, or after it. Pure; called by `uses.py`.

Looked for in a sample of whole rows of the label's table. What determines the label without exception is left out,
with the reason; what nearly does is told and stays.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from millrace.new import values
from millrace.new.records import REGRESSION, Label, Table

LEAST_ROWS = 50
ROWS_PER_VALUE = 5
NEARLY = 0.995


def suspect(table: Table, name: str, label: Label) -> tuple[bool, str]:
    """Whether the column must be left out, and what is suspicious about it (an empty text: nothing)."""
    pairs = [
        (value, answer)
        for value, answer in zip(table.sampled(name), table.sampled(label.column), strict=True)
        if not values.is_marker(answer) or answer in label.classes
    ]
    if len(pairs) < LEAST_ROWS:
        return False, ""
    known = [(value, answer) for value, answer in pairs if not values.is_marker(value)]
    if label.problem == REGRESSION:
        return _of_amounts(known, label.column)
    if len({answer for _, answer in pairs}) < 2:
        return False, ""
    return _of_missing(pairs, label) or _of_classes(known, label) or (False, "")


def _of_missing(pairs: Sequence[tuple[str, str]], label: Label) -> tuple[bool, str] | None:
    """A column that is filled in for one class only, such as the date on which the fraud was found out."""
    filled = {answer for value, answer in pairs if not values.is_marker(value)}
    empty = {answer for value, answer in pairs if values.is_marker(value)}
    if filled and empty and not filled & empty:
        return True, f"it is filled in exactly where {label.column} is {' or '.join(sorted(filled))}"
    return None


def _of_classes(known: Sequence[tuple[str, str]], label: Label) -> tuple[bool, str] | None:
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for value, answer in known:
        answers[value][answer] += 1
    if len({answer for counts in answers.values() for answer in counts}) < 2:
        return None
    if len(answers) * ROWS_PER_VALUE <= len(known):
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
    for value, answer in known:
        if values.kind_of(value) == values.NUMBER and answer in ends:
            ends[answer].append(float(value))
    negative, positive = (ends[name] for name in label.classes)
    if min(len(negative), len(positive)) < ROWS_PER_VALUE:
        return None
    if max(negative) < min(positive) or max(positive) < min(negative):
        return True, f"one point on its scale parts the classes of {label.column} without exception"
    return None


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
