"""Structured log lines for people. Called by `logs.py` and `correlation.py`."""

from __future__ import annotations

import json

SAID = ("level", "message", "trace", "correlation_id")


def readable(text: str) -> str:
    """A structured log line as words: level, message, what else it says, the trace; other lines as they are."""
    try:
        told = json.loads(text)
    except ValueError:
        return text
    if not isinstance(told, dict):
        return text
    rest = "  ".join(f"{name}={value}" for name, value in told.items() if name not in SAID and value not in (None, ""))
    line = f"{str(told.get('level', '')).lower():<7} {told.get('message', '')}  {rest}".rstrip()
    return "\n".join(filter(None, (line, str(told.get("trace", "")))))
