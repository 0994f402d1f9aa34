"""The [trigger] table of `models/<name>.toml`: when uploads start a run. `settings.model_reader` reads it.

The function in `lambda/start_pipeline/` gets these values in the file `models.json` beside its code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from settings.reader import Reader

STARTS = ("new", "always")
LONGEST_DELAY = 900
"""The debounce is a delayed message, and SQS delays no message for longer than this many seconds."""

MOST_SUFFIXES = 10
"""Each stands twice in the pattern of an EventBridge rule, which holds 2,048 characters."""

_SUFFIX = re.compile(r"\.[a-z0-9]+([._-][a-z0-9]+)*")
_UNFINISHED = ".tmp"
_JSON = (".json", ".jsonl", ".ndjson")
_COMPRESSED = (".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".parquet", ".xls", ".xlsx")


@dataclass(frozen=True)
class TriggerSettings:
    """What becomes a run, and when."""

    debounce_seconds: int
    max_wait_seconds: int
    suffixes: tuple[str, ...]
    attempts: int
    start: str
    max_model_age_hours: int
    lock_hours: int
    largest_file_mb: int


def read_trigger(reader: Reader) -> TriggerSettings:
    """Read the table, noting its mistakes."""
    trigger = TriggerSettings(
        debounce_seconds=reader.integer("debounce_seconds", low=0, high=LONGEST_DELAY),
        max_wait_seconds=reader.integer("max_wait_seconds", low=0, high=86_400),
        suffixes=reader.texts("suffixes", check=wrong_suffix, most=MOST_SUFFIXES),
        attempts=reader.integer("attempts", low=1, high=10),
        start=reader.text("start", allowed=STARTS),
        max_model_age_hours=reader.integer("max_model_age_hours", low=0, high=87_600),
        lock_hours=reader.integer("lock_hours", low=1, high=28 * 24),
        largest_file_mb=reader.integer("largest_file_mb", low=1, high=50_000),
    )
    waits = ("debounce_seconds", "max_wait_seconds")
    if reader.good(*waits) and trigger.max_wait_seconds < trigger.debounce_seconds:
        reader.problem(
            "max_wait_seconds",
            f"is {trigger.max_wait_seconds}, less than debounce_seconds ({trigger.debounce_seconds}); make it as long",
        )
    reader.close()
    return trigger


def wrong_suffix(text: str) -> str | None:
    """Suffixes are compared in small letters; `.CSV` is found by `.csv`."""
    if not _SUFFIX.fullmatch(text) or len(text) > 16:
        return "a suffix is a dot, then small letters and digits, 16 characters at most, for example .csv"
    if text.endswith(_UNFINISHED):
        return f"{_UNFINISHED} marks a file that is still being written; use another"
    if text.endswith(_JSON):
        return "Preprocess reads CSV text only, and batch scoring takes files with this ending for JSON; use another"
    if text.endswith(_COMPRESSED):
        return "Preprocess reads plain CSV text only; unpack or convert the files before the upload"
    return None
