"""The [cache] table of `models/<name>.toml`: for how long a run may take over the steps of an earlier one.

`pipeline_code/definition.py` writes the duration into each step that may be reused.
"""

from __future__ import annotations

import re

from settings.reader import Reader

EXPIRE_AFTER = "P30D"

_DURATION = re.compile(r"P(?=.)(\d{1,4}Y)?(\d{1,4}M)?(\d{1,4}W)?(\d{1,4}D)?(T(?=.)(\d{1,4}H)?(\d{1,4}M)?)?")


def read_cache(reader: Reader) -> str:
    """How old a step may be to be reused; an empty text means that none is."""
    expire_after = reader.text("expire_after", check=wrong_duration, default=EXPIRE_AFTER)
    reader.close()
    return expire_after


def wrong_duration(text: str) -> str | None:
    """SageMaker counts in years to minutes: a duration in seconds is none to it."""
    if text == "":
        return None
    if not _DURATION.fullmatch(text):
        return (
            'write an ISO 8601 duration in years to minutes such as "P30D" (30 days), "PT12H" (12 hours) or '
            '"PT30M" (30 minutes; "P30M" is 30 months), or "" to switch caching off'
        )
    if not re.search(r"[1-9]", text):
        return 'a step of no age is never reused; write "" to switch caching off'
    return None
