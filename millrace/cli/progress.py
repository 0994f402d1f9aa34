"""Live progress: a table that redraws itself on a terminal, one appended line per change in a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from millrace.cli import screen


@dataclass(frozen=True)
class Row:
    """One thing that changes: its name, its state, how long it took so far."""

    name: str
    state: str
    seconds: float | None = None
    note: str = ""

    def line(self) -> str:
        return f"  {self.name:<34} {self.state:<20} {screen.duration(self.seconds):>10}  {self.note}".rstrip()


class Progress:
    """A context that shows rows as they change; on a terminal the last picture stays."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}
        self._live: Any = None

    def __enter__(self) -> Self:
        if screen.is_terminal():
            from rich.live import Live

            self._live = Live(console=screen.console(), refresh_per_second=10, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def update(self, rows: Sequence[Row], *, silent: bool = False) -> None:
        """`silent`: nothing in a pipe, for what changes all the time."""
        if self._live:
            self._live.update(self._picture(rows), refresh=True)
            return
        if silent:
            return
        for row in rows:
            if self._shown.get(row.name) != row.state:
                self._shown[row.name] = row.state
                screen.say(row.line(), screen.style_of(row.state))

    @staticmethod
    def _picture(rows: Sequence[Row]) -> Any:
        from rich.text import Text

        text = Text("\n").join(Text(row.line(), style=screen.style_of(row.state) or "") for row in rows)
        text.no_wrap, text.overflow = True, "ellipsis"
        return text
