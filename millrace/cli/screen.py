"""What commands write with: plain lines and tables, coloured on a terminal only (and never with NO_COLOR)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

GOOD = "green"
BAD = "red"
BUSY = "yellow"
FAINT = "dim"
STRONG = "bold"


@lru_cache(maxsize=1)
def console() -> Console:
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def is_terminal() -> bool:
    return console().is_terminal and not console().is_dumb_terminal


def say(text: str = "", style: str | None = None) -> None:
    console().print(text, style=style)


def heading(text: str) -> None:
    say()
    say(text, STRONG)


def warn(text: str) -> None:
    """One line on standard error."""
    print(text, file=sys.stderr)


def table(header: Sequence[str], rows: Sequence[Sequence[object]], *, indent: str = "") -> None:
    """Columns aligned by their widest cell, as a terminal shows it; the last one is never cut."""
    from rich.cells import cell_len

    lines = [list(header), *[[str(cell) for cell in row] for row in rows]]
    widths = [max(cell_len(line[i]) for line in lines) for i in range(len(header))]
    for row, line in enumerate(lines):
        padded = [cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)]
        text = indent + "  ".join(padded).rstrip()
        if row:
            say(text, style_of(*line))
        else:
            say(text, FAINT)


def facts(rows: Sequence[tuple[str, str]], *, indent: str = "  ") -> None:
    """A name and a value per line."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        say(f"{indent}{name.ljust(width)}  {value}")


def say_path() -> None:
    """How to type `millrace`, for whom it is not on the PATH."""
    import shutil

    if shutil.which("millrace") is None:
        say()
        say("`millrace` and `aws` are in .venv/bin: `source .venv/bin/activate` lets you type them as above.")


def style_of(*cells: str) -> str | None:
    """The colour of a line by the state it names."""
    for cell in cells:
        word = cell.upper()
        if word in ("FAILED", "STOPPED", "REJECTED") or "ROLLBACK" in word or word.endswith("_FAILED"):
            return BAD
        if word in ("EXECUTING", "STARTING", "STOPPING", "CREATING", "UPDATING") or "IN_PROGRESS" in word:
            return BUSY
    return None


def number(count: int, thing: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def decimals(value: float) -> str:
    """A number with four decimals, or with four digits where decimals would tell nothing or too much."""
    return f"{value:.4f}" if value == 0 or 0.001 <= abs(value) < 1e7 else f"{value:.4g}"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
