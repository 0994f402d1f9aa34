"""Lets a process's Python code see the embedded AWS's time, which can be moved.

`server.py` loads it by its path and calls `follow` before anything else is imported, so its children have no other
functions to ask. It is no module that a child could import. What is measured stays real: `time.monotonic`,
`time.perf_counter`, `time.sleep`. So does what never asks Python: times of files, programs that a child starts in a
process of their own, C code (`numpy.datetime64("now")`).
"""

import ctypes
import datetime
import functools
import gc
import mmap
import struct
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

SECONDS = struct.Struct("d")
UTCNOW = (
    "datetime.datetime.utcnow() is deprecated and scheduled for removal in a future version. Use timezone-aware "
    "objects to represent datetimes in UTC: datetime.datetime.now(datetime.UTC)."
)


def follow(file: str) -> None:
    """From now on the time is this machine's plus the seconds in the file: one double, read anew at each call."""
    with open(file, "rb") as opened:
        offset = mmap.mmap(opened.fileno(), SECONDS.size, access=mmap.ACCESS_READ)

    def ahead() -> float:
        return float(SECONDS.unpack_from(offset)[0])

    follow_in_time(ahead)
    follow_in_datetime()


def follow_in_time(ahead: Callable[[], float]) -> None:
    """Replace the functions of `time`; each takes what its original takes."""
    plain: dict[str, Any] = {name: getattr(time, name) for name in dir(time)}
    now, now_ns = time.time, time.time_ns

    def seconds() -> float:
        return now() + ahead()

    def nanoseconds() -> int:
        return now_ns() + round(ahead() * 1e9)

    def clock_gettime(clock: int, /) -> Any:
        return plain["clock_gettime"](clock) + (ahead() if clock == time.CLOCK_REALTIME else 0)

    def clock_gettime_ns(clock: int, /) -> Any:
        return plain["clock_gettime_ns"](clock) + (round(ahead() * 1e9) if clock == time.CLOCK_REALTIME else 0)

    def of_seconds(name: str) -> Any:
        return lambda moment=None, /: plain[name](seconds() if moment is None else moment)

    localtime = of_seconds("localtime")

    def asctime(*moment: Any) -> Any:
        return plain["asctime"](*(moment or (localtime(),)))

    def strftime(form: str, /, *moment: Any) -> Any:
        return plain["strftime"](form, *(moment or (localtime(),)))

    changed: dict[str, Any] = {"time": seconds, "time_ns": nanoseconds}
    changed |= {"clock_gettime": clock_gettime, "clock_gettime_ns": clock_gettime_ns}
    changed |= {"gmtime": of_seconds("gmtime"), "localtime": localtime, "ctime": of_seconds("ctime")}
    changed |= {"asctime": asctime, "strftime": strftime}
    for name, function in changed.items():
        setattr(time, name, functools.wraps(plain[name])(function))


def follow_in_datetime() -> None:
    """Replace `now` and `utcnow` in the class itself, which its subclasses and everyone's imports share.

    `today` asks `time.time`. The class is built in, and Python lets nobody set its attributes.
    """
    known, seconds = datetime.datetime, time.time

    def now(cls: Any, tz: Any = None) -> Any:
        return cls.fromtimestamp(seconds(), tz)

    def utcnow(cls: Any) -> Any:
        if sys.version_info >= (3, 12):
            warnings.warn(UTCNOW, DeprecationWarning, stacklevel=2)
        return cls.fromtimestamp(seconds(), datetime.UTC).replace(tzinfo=None)

    attributes = gc.get_referents(known.__dict__)[0]
    for function in (now, utcnow):
        plain = getattr(known, function.__name__)
        attributes[function.__name__] = classmethod(functools.wraps(plain)(function))
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(known))
