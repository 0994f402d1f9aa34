"""Gathers what a column holds, block by block, without keeping its values. Called by `reading.py`.

Most columns are either plain numbers or few different texts. Both are dealt with in whole blocks, at the speed of
C: only what is neither is looked at value by value.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from millrace.new import values
from millrace.new.records import Column

KEPT_VALUES = 2_000
KEPT_DIGESTS = 4_000_000
MOSTLY = 0.9
JUDGED_VALUES = 20_000

_PLAIN = re.compile(r"[0-9.+\-eE \n]+")
_CODES = re.compile(r"^ *(?:0\d|\d{16,} *$)", re.MULTILINE)
_PARTS = re.compile(r"[.eE]")


class ColumnReader:
    """One column while its file is being read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._rows = 0
        self._markers: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self._values: Counter[str] | None = Counter()
        self._digests = array("q")
        self._is_counted = True
        self._next_look = KEPT_DIGESTS
        self._judged = 0
        self._numbers = _Numbers()

    def add(self, block: Sequence[str]) -> None:
        """Take the next values."""
        self._rows += len(block)
        if self._values is None and self._add_plain_numbers(block, None):
            self._digest(block)
            return
        counts = Counter(block)
        for marker in values.MARKERS & counts.keys():
            self._markers[marker] += counts.pop(marker)
        if counts and not self._add_plain_numbers(list(counts), list(counts.values())):
            self._add_one_by_one(counts)
        self._remember(counts)

    def column(self) -> Column:
        digests = self._unique_digests()
        return Column(
            name=self.name,
            rows=self._rows,
            markers=dict(self._markers),
            kinds=dict(self._kinds),
            values=None if self._values is None else dict(self._values),
            distinct=max(len(digests), KEPT_VALUES + 1) if self._values is None else len(self._values),
            digests=digests,
            low=self._numbers.low,
            high=self._numbers.high,
            mean=self._numbers.mean,
            deviation=self._numbers.deviation,
            whole=self._numbers.whole,
            examples=dict(self._examples),
        )

    def _add_plain_numbers(self, texts: Sequence[str], counts: Sequence[int] | None) -> bool:
        """Take the texts if all of them are plain numbers; without counts each stands for itself."""
        joined = "\n".join(texts)
        if not _PLAIN.fullmatch(joined) or _CODES.search(joined):
            return False
        try:
            numbers = list(map(float, texts))
        except ValueError:
            return False
        if not (min(numbers) >= -values.LARGEST and max(numbers) <= values.LARGEST):
            return False
        self._kinds[values.NUMBER] += len(texts) if counts is None else sum(counts)
        self._examples.setdefault(values.NUMBER, texts[0])
        self._numbers.add(numbers, counts, whole=not _PARTS.search(joined))
        return True

    def _add_one_by_one(self, counts: Counter[str]) -> None:
        """Once very many values have been looked at and hardly any is a number, the rest is taken for the same."""
        if self._judged > JUDGED_VALUES and self._kinds[values.NUMBER] * 100 < self._kinds.total():
            self._kinds[self._kinds.most_common(1)[0][0]] += counts.total()
            return
        self._judged += len(counts)
        for text in [text for text in counts if values.is_marker(text)]:
            self._markers[text] += counts.pop(text)
        numbers: dict[str, int] = {}
        for text, count in counts.items():
            kind = values.kind_of(text)
            self._kinds[kind] += count
            self._examples.setdefault(kind, text)
            if kind == values.NUMBER:
                numbers[text] = count
        if numbers:
            whole = not any(map(_PARTS.search, numbers))
            self._numbers.add(list(map(float, numbers)), list(numbers.values()), whole=whole)

    def _remember(self, counts: Mapping[str, int]) -> None:
        if self._values is None:
            self._digest(counts)
            return
        self._values.update(counts)
        if len(self._values) > KEPT_VALUES:
            self._digest(self._values)
            self._values = None

    def _digest(self, texts: Iterable[str]) -> None:
        """However long the file is, what may be a key is counted exactly: no fractions, and hardly a value twice."""
        fractions = not self._numbers.whole and self._kinds[values.NUMBER] * 2 > self._kinds.total()
        self._is_counted = self._is_counted and not fractions
        if self._is_counted:
            self._digests.extend(map(hash, texts))
            if len(self._digests) > self._next_look:
                unique = self._unique_digests()
                self._is_counted = len(unique) >= MOSTLY * len(self._digests)
                self._next_look *= 2

    def _unique_digests(self) -> Any:
        import numpy

        if self._values is not None:
            return numpy.sort(numpy.array(list(map(hash, self._values)), dtype=numpy.int64))
        ordered = numpy.sort(numpy.array(self._digests, dtype=numpy.int64))
        return ordered[numpy.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered


class _Numbers:
    """Smallest, largest, mean and deviation; sums are of distances to the first value, which keeps them exact."""

    def __init__(self) -> None:
        self.low = self.high = self._first = 0.0
        self.whole = True
        self._count = 0
        self._sum = self._squares = 0.0

    def add(self, numbers: Sequence[float], counts: Sequence[int] | None, *, whole: bool) -> None:
        import numpy

        if not self._count:
            self.low = self.high = self._first = numbers[0]
        self.low, self.high = min(self.low, min(numbers)), max(self.high, max(numbers))
        self.whole = self.whole and whole
        distances = numpy.array(numbers) - self._first
        weights = numpy.ones(len(numbers)) if counts is None else numpy.array(counts, dtype=float)
        self._count += int(weights.sum())
        self._sum += float(distances @ weights)
        self._squares += float((distances * distances) @ weights)

    @property
    def mean(self) -> float:
        return self._first + self._sum / self._count if self._count else 0.0

    @property
    def deviation(self) -> float:
        if not self._count:
            return 0.0
        mean = self._sum / self._count
        return float(max(self._squares / self._count - mean * mean, 0.0) ** 0.5)
