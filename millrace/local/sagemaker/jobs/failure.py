"""Why a job's program failed, in the words FailureReason gives: the exception, its file and line."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from pathlib import PurePath

from millrace.local.sagemaker.jobs.errors import REASON_LENGTH

TRACEBACK = "Traceback (most recent call last):"
FRAME = re.compile(r'^\s+File "(?P<file>[^"]+)", line (?P<line>\d+)')


def failure_reason(code: int, lines: Sequence[str], *, message: str = "", inside: str = "") -> str:
    """`message` is what the program left in its failure file; frames below `inside` are its own code."""
    said = message.strip() or exception_of(lines, inside=inside) or last_line(lines)
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else "unknown"
        said = f"the process was ended by signal {-code} ({name})" + (f" after: {said}" if said else "")
    exit_code = 128 - code if code < 0 else code
    ending = f", exit code: {exit_code}"
    return f"AlgorithmError: {said}"[: REASON_LENGTH - len(ending)] + ending


def exception_of(lines: Sequence[str], *, inside: str = "") -> str:
    """The last traceback's exception and where it was raised, or nothing."""
    starts = [number for number, line in enumerate(lines) if line.strip() == TRACEBACK]
    if not starts:
        return ""
    frames: list[tuple[str, str]] = []
    for line in lines[starts[-1] + 1 :]:
        frame = FRAME.match(line)
        if frame:
            frames.append((frame["file"], frame["line"]))
        elif line.strip() and not line[0].isspace():
            return line.strip() + _where(frames, inside)
    return ""


def _where(frames: list[tuple[str, str]], inside: str) -> str:
    own = [frame for frame in frames if inside and frame[0].startswith(inside)]
    if not (own or frames):
        return ""
    file, line = (own or frames)[-1]
    return f" ({PurePath(file).name}, line {line})"


def last_line(lines: Sequence[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), "the program printed nothing")
