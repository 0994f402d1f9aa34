"""What the benchmark prints: one line per figure, its first and its median, and the aim beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

HEADER = ("", "first", "median", "of", "aim", "")


@dataclass
class Figure:
    """One measured quantity in seconds; the first value is kept apart, as it was taken cold."""

    name: str
    values: Sequence[float]
    aim: float | None = None
    note: str = ""
    milliseconds: bool = False

    @property
    def warm(self) -> float:
        """The median without the first value, if there are others."""
        return median(self.values[1:] or self.values)

    @property
    def verdict(self) -> str:
        if self.aim is None:
            return self.note
        met = "met" if self.warm < self.aim else "MISSED"
        return f"{met}  {self.note}".rstrip()

    def cells(self) -> tuple[str, ...]:
        aim = "" if self.aim is None else f"< {self._shown(self.aim)}"
        count = str(len(self.values[1:]) or len(self.values))
        return (self.name, self._shown(self.values[0]), self._shown(self.warm), count, aim, self.verdict)

    def _shown(self, seconds: float) -> str:
        return f"{seconds * 1000:.1f} ms" if self.milliseconds else f"{seconds:.3f} s"


@dataclass
class Table:
    """Figures under one title."""

    title: str
    figures: list[Figure] = field(default_factory=list)

    def render(self) -> str:
        rows = [HEADER, *(figure.cells() for figure in self.figures)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
        lines = [self.title, *(_line(row, widths) for row in rows)]
        return "\n".join(lines)


def _line(row: Iterable[str], widths: Sequence[int]) -> str:
    name, *cells, verdict = row
    middle = "  ".join(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=False))
    return f"  {name.ljust(widths[0])}  {middle}  {verdict}".rstrip()
