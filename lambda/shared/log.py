"""Structured logs: one JSON object a line, with the same names everywhere. A function's `handler.py` installs them."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

LOGGER = logging.getLogger(__name__)


def info(event: str, message: str, **fields: Any) -> None:
    """Log what happened; `event` names its kind, the fields say to what."""
    _say(logging.INFO, event, message, fields)


def warning(event: str, message: str, **fields: Any) -> None:
    _say(logging.WARNING, event, message, fields)


def error(event: str, message: str, *, trace: bool = False, **fields: Any) -> None:
    _say(logging.ERROR, event, message, fields, trace=trace)


def _say(level: int, event: str, message: str, fields: dict[str, Any], *, trace: bool = False) -> None:
    given = {name: value for name, value in fields.items() if value not in ("", None)}
    LOGGER.log(level, "%s", message, exc_info=trace, extra={"event": event, "given": given})


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "level": record.levelname,
            "message": record.getMessage(),
            "event": getattr(record, "event", record.name),
            **getattr(record, "given", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def install() -> None:
    """Write the records to standard output, which Lambda sends to CloudWatch Logs."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    LOGGER.handlers = [handler]
    LOGGER.propagate = False
    LOGGER.setLevel(logging.INFO)
