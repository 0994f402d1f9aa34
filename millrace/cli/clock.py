"""`millrace clock`: the time of the embedded AWS, which schedules follow and one can move."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

import typer

from millrace.cli import screen, server
from millrace.errors import MillraceError

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def clock(
    advance: Annotated[
        str | None, typer.Argument(help="How far to move forward: 1h, 30m, 1d12h.", metavar="[ADVANCE]")
    ] = None,
) -> None:
    """Show the embedded AWS's time, or move it forward so that schedules fire.

    Example: millrace clock 1h
    """
    body = None if advance is None else {"advance": seconds_of(advance)}
    running = server.find()
    if running is None:
        raise MillraceError("the embedded AWS is not running: `millrace up` starts it")
    answer = server.call(running, "/_millrace/clock", body)
    ahead = float(answer["offset"])
    now = datetime.fromtimestamp(float(answer["now"]), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    screen.say(f"{now}" + (f" ({screen.duration(ahead)} ahead of this machine)" if ahead else ""))


def seconds_of(text: str) -> float:
    """The seconds of a duration such as `1h`, `90s`, `1d12h30m`."""
    compact = text.replace(" ", "").removeprefix("+")
    parts = re.findall(r"(\d+(?:\.\d+)?)([dhms])", compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise MillraceError(
            f"{text!r} is no duration: write it like 1h, 30m, 90s or 1d12h (the clock only moves forward)"
        )
    return sum(float(number) * UNITS[unit] for number, unit in parts)
